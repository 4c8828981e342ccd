"""Packets and files of the neural coder: whole or an error."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import ModelError
from models.codec_loading import TABLE, load
from models.codec_stream import (
    LARGEST_PACKET,
    Packet,
    StreamHead,
    packed,
    read_head,
    read_packets,
    unpacked,
    write_head,
    write_packet,
)
from models.codec_weights import parsed, read, write
from models.coding import CodingError
from tests.codec.untrained import flat_tables, network

PACKET = Packet(True, 65535, 0xABCD, 640, 360, 100, 204, bytes(range(40)))
HEAD = StreamHead(640, 360, Fraction(30000, 1001))


def file_of(*packets: bytes) -> io.BytesIO:
    file = io.BytesIO()
    write_head(file, HEAD)
    for packet in packets:
        write_packet(file, packet)
    file.seek(0)
    return file


def test_a_packet_comes_back_as_it_was() -> None:
    assert unpacked(packed(PACKET)) == PACKET
    assert unpacked(packed(replace(PACKET, key=False, symbols=b""))) == replace(PACKET, key=False, symbols=b"")


def test_a_packet_costs_less_than_twenty_bytes_beside_its_symbols() -> None:
    assert len(packed(PACKET)) - len(PACKET.symbols) < 20


def test_every_flipped_bit_is_seen() -> None:
    data = packed(PACKET)
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(CodingError):
            unpacked(bytes(changed))


def test_every_truncation_is_seen() -> None:
    data = packed(PACKET)
    for length in range(len(data)):
        with pytest.raises(CodingError):
            unpacked(data[:length])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_other_bytes_are_no_packet(data: bytes) -> None:
    with pytest.raises(CodingError):
        unpacked(data)


def test_a_file_gives_its_packets_and_what_it_says_of_them() -> None:
    file = file_of(b"one", b"three")
    assert read_head(file) == HEAD
    assert list(read_packets(file)) == [b"one", b"three"]


def test_a_file_that_ends_within_a_packet_gives_those_before_and_says_so() -> None:
    file = io.BytesIO(file_of(b"one", b"three").getvalue()[:-2])
    read_head(file)
    packets = read_packets(file)
    assert next(packets) == b"one"
    with pytest.raises(CodingError, match="ends 2 bytes before"):
        next(packets)


def test_a_length_that_no_packet_has_is_refused_unread() -> None:
    file = io.BytesIO(file_of().getvalue() + (LARGEST_PACKET + 1).to_bytes(4, "little"))
    read_head(file)
    with pytest.raises(CodingError, match=str(LARGEST_PACKET + 1)):
        next(read_packets(file))


@pytest.mark.parametrize("data", [b"", b"RIFF" + bytes(40), file_of().getvalue()[:-1]])
def test_another_file_is_none_of_ours(data: bytes) -> None:
    with pytest.raises(CodingError, match="no file of the neural coder"):
        read_head(io.BytesIO(data))


def test_a_head_that_makes_no_sense_is_refused() -> None:
    data = bytearray(file_of().getvalue())
    data[-4:] = bytes(4)
    with pytest.raises(CodingError, match="a rate of 30000/0"):
        read_head(io.BytesIO(bytes(data)))
    data[8:12] = b"\xff" * 4
    with pytest.raises(CodingError, match="65535x65535"):
        read_head(io.BytesIO(bytes(data)))


def arrays() -> dict[str, np.ndarray]:
    weights = {name: value.half().numpy() for name, value in network().state_dict().items()}
    return {**weights, **{TABLE + name: table for name, table in flat_tables().items()}}


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    there = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array([1, 65535], np.uint16)}
    write(path, there)
    back = read(path)
    assert set(back) == {"a", "b"}
    assert all(np.array_equal(back[name], there[name]) for name in there)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.integers(0, 80))
def test_a_broken_weights_file_is_an_error_of_one_line(data: bytes, length: int) -> None:
    with pytest.raises(ModelError):
        parsed(length.to_bytes(8, "little") + data + b"]")


@pytest.mark.parametrize(
    "entry",
    [
        '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,400]}}',
        '{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"I64","shape":[2],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F16","shape":[-1,0],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F16","shape":2,"data_offsets":[0,4]}}',
        '{"a":[]}',
        "[]",
    ],
)
def test_a_header_that_lies_is_refused(entry: str) -> None:
    with pytest.raises(ModelError, match="header"):
        parsed(len(entry).to_bytes(8, "little") + entry.encode() + bytes(4))


def test_a_file_of_weights_is_loaded_and_told_from_others(tmp_path: Path) -> None:
    there = arrays()
    write(tmp_path / "one", there)
    write(tmp_path / "two", {**there, "coarse.back": there["coarse.back"] * 2})
    one, two = load(str(tmp_path / "one")), load(str(tmp_path / "two"))
    assert one.number != two.number
    assert one.info.checksum != two.info.checksum
    assert next(one.network.parameters()).dtype.itemsize == 4


def test_weights_that_lack_something_or_are_not_finite_are_refused(tmp_path: Path) -> None:
    there, path = arrays(), tmp_path / "weights"
    for name, value, said in (
        ("coarse.back", None, "not the weights"),
        ("coarse.back", there["coarse.back"] * np.float16(np.nan), "not finite"),
        ("table.plan", None, "no table 'plan'"),
        ("table.plan", there["table.plan"] * np.uint16(0), "no table 'plan'"),
    ):
        changed = {key: part for key, part in there.items() if key != name}
        write(path, changed if value is None else {**changed, name: value})
        with pytest.raises(ModelError, match=said):
            load(str(path))


def test_a_file_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file") as caught:
        load(str(tmp_path / "none"))
    assert "\n" not in str(caught.value)
