"""Packets and weights of the neural coder: whole or an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import ModelError
from models.codec_loading import TABLE, load
from models.codec_stream import Packet, packed, unpacked
from models.coding import CodingError
from models.tensors import parsed, read, write
from tests.codec.untrained import flat_tables, network

PACKET = Packet(True, 65535, 0xABCD, 640, 360, 100, 204, bytes(range(40)))


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
