"""The neural coder, whole: what its decoder makes of packets, and what it says of those that are none."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import Image
from models.codec_neural import NeuralDecoder, NeuralEncoder
from models.codec_stream import packed, unpacked
from models.coding import Coded, CodingError, Quantiser
from tests.codec.untrained import loaded, middle, panned

HEIGHT, WIDTH = 90, 120
FINE, COARSE = Quantiser(16, 26), Quantiser(34, 44)


def decibels(one: Image, other: Image, where: np.ndarray | None = None) -> float:
    error = (one.astype(float) - other) ** 2
    return float(10 * np.log10(255**2 / error[... if where is None else where].mean()))


def encoder(height: int = HEIGHT, width: int = WIDTH, **options: float) -> NeuralEncoder:
    return NeuralEncoder(width, height, 25, loaded=loaded(), **options)


def coded(pictures: list[Image], quantiser: Quantiser = FINE) -> tuple[list[Coded], list[Image]]:
    """Packets, and what the encoder reckons that each becomes."""
    coder = encoder(*pictures[0].shape[:2])
    mask = middle(*pictures[0].shape[:2])
    packets, made = [], []
    for picture in pictures:
        packets.append(coder.encode(picture, mask, quantiser))
        made.append(coder.picture().copy())
    return packets, made


@pytest.fixture(scope="module")
def stream() -> list[Coded]:
    return coded(panned(4, HEIGHT, WIDTH))[0]


@pytest.mark.parametrize(("height", "width"), [(96, 128), (90, 121), (17, 33), (16, 16), (1, 1)])
def test_the_decoder_makes_exactly_what_the_encoder_reckons_with(height: int, width: int) -> None:
    packets, made = coded(panned(4, height, width))
    decoder = NeuralDecoder(loaded=loaded())
    for packet, expected in zip(packets, made, strict=True):
        assert np.array_equal(decoder.decode(packet.data), expected)
        assert expected.shape == (height, width, 3)


def test_it_is_exact_with_other_numbers_of_threads_too() -> None:
    packets, made = coded(panned(3, HEIGHT, WIDTH))
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        decoder = NeuralDecoder(loaded=loaded())
        assert all(
            np.array_equal(decoder.decode(packet.data), expected)
            for packet, expected in zip(packets, made, strict=True)
        )
    finally:
        torch.set_num_threads(threads)


def test_what_matters_is_finer_than_the_rest() -> None:
    pictures = panned(1, HEIGHT, WIDTH)
    inside = middle(HEIGHT, WIDTH) > 0
    made = coded(pictures, Quantiser(14, 40))[1][0]
    assert decibels(made, pictures[0], inside) > decibels(made, pictures[0], ~inside) + 6


def test_a_coarser_quantiser_takes_fewer_bytes_and_makes_worse_pictures() -> None:
    pictures = panned(3, HEIGHT, WIDTH)
    fine, coarse = coded(pictures, FINE), coded(pictures, COARSE)
    for one, other, picture, a, b in zip(fine[0], coarse[0], pictures, fine[1], coarse[1], strict=True):
        assert len(other.data) < 0.6 * len(one.data)
        assert decibels(b, picture) < decibels(a, picture) - 3


def test_a_picture_that_only_moves_costs_less_than_a_new_one(stream: list[Coded]) -> None:
    assert stream[0].key
    assert not stream[3].key
    assert len(stream[3].data) < 0.7 * len(stream[0].data)


def test_a_key_picture_comes_at_intervals_and_when_it_is_asked_for() -> None:
    coder, mask = encoder(keys=3 / 25), middle(HEIGHT, WIDTH)
    picture = panned(1, HEIGHT, WIDTH)[0]
    keys = [coder.encode(picture, mask, COARSE, key=number == 4).key for number in range(8)]
    assert keys == [True, False, False, True, True, False, False, True]


def test_one_can_begin_at_any_key_picture() -> None:
    coder, mask = encoder(), middle(HEIGHT, WIDTH)
    pictures = panned(4, HEIGHT, WIDTH)
    packets = [coder.encode(picture, mask, FINE, key=number == 2) for number, picture in enumerate(pictures)]
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(packets[2].data)
    assert np.array_equal(decoder.decode(packets[3].data), coder.picture())


def test_after_a_lost_packet_it_waits_for_the_next_key_picture(stream: list[Coded]) -> None:
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(stream[0].data)
    with pytest.raises(CodingError, match="picture 2 follows where 1 should"):
        decoder.decode(stream[2].data)
    with pytest.raises(CodingError, match="builds on one that is not there"):
        decoder.decode(stream[3].data)
    decoder.decode(stream[0].data)


def test_after_a_damaged_packet_nothing_builds_on_it(stream: list[Coded]) -> None:
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(stream[0].data)
    with pytest.raises(CodingError, match="damaged"):
        decoder.decode(stream[1].data[:-4])
    with pytest.raises(CodingError, match="builds on one that is not there"):
        decoder.decode(stream[1].data)


def test_a_stream_of_other_networks_is_refused(stream: list[Coded]) -> None:
    other = replace(loaded(), number=8)
    with pytest.raises(CodingError, match=r"other networks \(0007\) than these \(0008\)"):
        NeuralDecoder(loaded=other).decode(stream[0].data)


def test_a_picture_of_another_size_cannot_follow(stream: list[Coded]) -> None:
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(stream[0].data)
    packet = replace(unpacked(stream[1].data), width=WIDTH + 16)
    with pytest.raises(CodingError, match="136x90 pixels after 120x90"):
        decoder.decode(packed(packet))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_a_flipped_or_shortened_packet_is_an_error_and_nothing_else(stream: list[Coded], data: st.DataObject) -> None:
    packet = bytearray(stream[0].data)
    if data.draw(st.booleans()):
        packet[data.draw(st.integers(0, len(packet) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del packet[data.draw(st.integers(0, len(packet) - 1)) :]
    with pytest.raises(CodingError):
        NeuralDecoder(loaded=loaded()).decode(bytes(packet))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_bytes_that_somebody_made_up_give_a_picture_or_an_error(stream: list[Coded], seed: int) -> None:
    """With a right checksum, so that they are read: a hostile sender can count, too."""
    random = np.random.default_rng(seed)
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(stream[0].data)
    symbols = random.integers(0, 256, 4 * int(random.integers(0, 400)), np.uint8).tobytes()
    packet = replace(unpacked(stream[1].data), symbols=symbols, key=bool(random.integers(2)))
    try:
        picture = decoder.decode(packed(packet))
    except CodingError:
        return
    assert picture.shape == (HEIGHT, WIDTH, 3)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_symbols_that_were_changed_give_a_picture_or_an_error(stream: list[Coded], seed: int) -> None:
    random = np.random.default_rng(seed)
    decoder = NeuralDecoder(loaded=loaded())
    decoder.decode(stream[0].data)
    packet = unpacked(stream[1].data)
    symbols = bytearray(packet.symbols)
    for place in random.integers(0, len(symbols), 5):
        symbols[place] ^= int(random.integers(1, 256))
    try:
        picture = decoder.decode(packed(replace(packet, symbols=bytes(symbols))))
    except CodingError:
        return
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_a_header_that_promises_a_huge_picture_is_refused_before_any_memory_is_taken() -> None:
    head = struct.pack("<2sBBHHHHBB", b"\xc1\xea", 1, 1, 7, 0, 65535, 65535, 100, 100)
    data = head + struct.pack("<I", zlib.crc32(b"1234", zlib.crc32(head))) + b"1234"
    with pytest.raises(CodingError, match="a picture of 65535x65535"):
        NeuralDecoder(loaded=loaded()).decode(data)
    with pytest.raises(CodingError, match="a picture of 9000x100"):
        encoder(100, 9000)


def test_the_encoder_changes_neither_picture_nor_mask() -> None:
    picture, mask = panned(1, HEIGHT, WIDTH)[0], middle(HEIGHT, WIDTH)
    before = picture.copy(), mask.copy()
    picture.setflags(write=False)
    encoder().encode(picture, mask, FINE)
    assert np.array_equal(picture, before[0])
    assert np.array_equal(mask, before[1])


def test_two_encoders_say_the_same_of_the_same_pictures(stream: list[Coded]) -> None:
    again, _ = coded(panned(4, HEIGHT, WIDTH))
    assert [packet.data for packet in again] == [packet.data for packet in stream]
