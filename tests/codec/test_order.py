"""A packet of H.264 that does not follow the one before it is known by the numbers that pictures bear."""

from __future__ import annotations

import random
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.coding import Quantiser
from stages.codec.order import Order
from stages.codec.roi import RoiEncoder
from tests.codec.clips import textured


def packets(width: int = 96, height: int = 64, pictures: int = 45) -> list[bytes]:
    encoder = RoiEncoder(width, height, Fraction(25), preset="ultrafast", key_interval=20 / 25)
    mask = np.zeros((height, width), np.uint8)
    return [encoder.encode(textured(n, width, height), mask, Quantiser(34, 34)).data for n in range(pictures)]


@pytest.mark.parametrize(("width", "height"), [(96, 64), (97, 65), (640, 16)])
def test_a_whole_stream_is_in_order_over_all_its_key_pictures(width: int, height: int) -> None:
    order = Order()
    assert all(order.follows(packet) for packet in packets(width, height))


@given(st.integers(1, 43))
def test_a_packet_that_is_missing_is_missed(at: int) -> None:
    order, made = Order(), STREAM
    for packet in made[:at]:
        assert order.follows(packet)
    following = at + 1
    assert order.follows(made[following]) == (following % 20 == 0)  # a key picture builds on nothing


@given(st.integers(1, 44))
def test_a_packet_that_comes_twice_is_seen(at: int) -> None:
    order = Order()
    for packet in STREAM[: at + 1]:
        assert order.follows(packet)
    assert order.follows(STREAM[at]) == (at % 20 == 0)


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    assert Order().follows(data) in (True, False)
    assert Order().follows(b"\x00\x00\x01\x67" + data + b"\x00\x00\x01\x41" + data) in (True, False)


def test_streams_of_another_encoder_with_pictures_that_nobody_builds_on_are_in_order() -> None:
    """Those bear the number of the next one that is built on."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 96, 64, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"bf": "2", "x264-params": "b-pyramid=none:keyint=30"}
    chance = random.Random(1)
    made = []
    for number in range(40):
        picture = av.VideoFrame.from_ndarray(textured(number * chance.randrange(3), 96, 64), format="bgr24")
        picture = picture.reformat(format="yuv420p")
        picture.pts = number
        made += encoder.encode(picture)
    made += encoder.encode(None)
    order = Order()
    assert all(order.follows(bytes(packet)) for packet in made)


STREAM = packets()
