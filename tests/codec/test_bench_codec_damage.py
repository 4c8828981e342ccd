"""Damaged bytes are counted for what they become: an error, the right picture, a wrong one."""

from __future__ import annotations

import numpy as np

from benchmarks import codec_damage
from benchmarks.codec_clips import Clip
from benchmarks.codec_ways import named
from models.coding import CodingError
from tests.clips import picture

TRUTH = picture(1)


class Says:
    """A decoder that gives the picture of this number, or an error."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    def decode(self, data: bytes) -> np.ndarray:
        if self._number is None:
            raise CodingError("broken")
        return picture(self._number)

    def close(self) -> None:
        pass


def test_three_things_can_become_of_a_packet() -> None:
    found = [codec_damage.outcome(Says(number), b"", TRUTH) for number in (1, 2, None)]
    assert found == ["right", "wrong", "error"]


def test_damage_is_a_shorter_packet_or_a_few_other_bits_and_follows_from_the_seed() -> None:
    packet = bytes(range(200))
    chance = np.random.default_rng(3)
    found = [codec_damage.damaged(packet, chance) for _ in range(200)]
    cut = [one for one in found if len(one) < len(packet)]
    assert all(packet.startswith(one) for one in cut)
    assert 70 < len(cut) < 130
    flipped = [np.unpackbits(np.frombuffer(one, np.uint8) ^ np.frombuffer(packet, np.uint8)).sum()
               for one in found if len(one) == len(packet)]  # fmt: skip
    assert max(flipped) <= 8
    again = np.random.default_rng(3)
    assert [codec_damage.damaged(packet, again) for _ in range(200)] == found


def test_streams_are_right_again_from_the_next_key_picture_on() -> None:
    images = [picture(number, 96, 64) for number in range(codec_damage.PICTURES)]
    clip = Clip("numbers", "", 25.0, images, [np.zeros((64, 96), np.uint8)] * len(images))
    found = codec_damage.of_way(clip, named("roi-12"), 40)
    assert found["error"] + found["right"] + found["wrong"] == found["trials"] == found["again"] == 40
    assert found["error"] > 10
