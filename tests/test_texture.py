"""The detail of the surroundings in what was invented: the same kind of it, no more than there is, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.infill_judge import judge
from models.base import Image
from stages.box import Box
from stages.inpainting.finish import Finish
from stages.inpainting.grain import noise_of
from stages.inpainting.texture import MOST, STEPS, _agreed, _blocks, _carried, _grid, carry

SIDE = 192
HOLE = slice(64, 136), slice(56, 120)


def holed() -> Image:
    hole = np.zeros((SIDE, SIDE), np.uint8)
    hole[HOLE] = 255
    return hole


def grass(seed: int, level: int, deviation: float = 25.0) -> Image:
    """Upright streaks."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    streaks = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.0, sigmaY=5.0)
    streaks *= deviation / streaks.std()
    return np.asarray(np.clip(np.rint(level + streaks), 0, 255), np.uint8)[..., None].repeat(3, 2)


def smoothed(picture: Image) -> Image:
    """The picture with what a network makes of a hole: right on the mean, without detail."""
    made = picture.copy()
    made[HOLE] = cv2.GaussianBlur(picture, (0, 0), 12.0)[HOLE]
    return made


def carried(picture: Image, hole: Image, x: int = 0, y: int = 0) -> Image:
    made = picture.copy()
    carry(made, hole, x, y, noise_of(made, cv2.bitwise_not(hole)))
    return made


def test_what_is_smooth_amid_texture_gets_texture_of_the_same_kind() -> None:
    truth = grass(1, 120)
    smooth = smoothed(truth)
    before, after = judge(smooth, truth, holed()), judge(carried(smooth, holed()), truth, holed())
    assert after["edges"] < 0.6 * before["edges"]
    assert after["turn"] < before["turn"]
    assert after["psnr_db"] > before["psnr_db"] - 1.5


def test_nothing_outside_the_hole_is_touched() -> None:
    smooth = smoothed(grass(2, 120))
    made = carried(smooth, holed())
    assert np.array_equal(made[holed() == 0], smooth[holed() == 0])
    assert not np.array_equal(made[HOLE], smooth[HOLE])


def test_each_part_takes_the_detail_of_what_has_its_colour() -> None:
    truth = grass(3, 90)
    truth[:, SIDE // 2 :] = 200  # a wall beside the grass
    smooth = smoothed(truth)
    added = (carried(smooth, holed()).astype(int) - smooth)[HOLE]
    lawn, wall = added[:, :24].std(), added[:, 52:].std()
    assert lawn > 3.0
    assert wall < 0.2 * lawn


def test_noise_is_no_texture() -> None:
    noisy = np.random.default_rng(4).normal(120, 5, (SIDE, SIDE, 3)).round().astype(np.uint8)
    flat = noisy.copy()
    flat[HOLE] = 120
    off = carried(flat, holed())[HOLE].astype(int) - 120
    assert off.std() < 1.0


def test_where_there_is_detail_none_is_added() -> None:
    truth = grass(5, 120)
    off = carried(truth, holed()).astype(int) - truth
    added = carried(smoothed(truth), holed()).astype(int) - smoothed(truth)
    assert off[HOLE].std() < 0.5 * added[HOLE].std()


@pytest.mark.parametrize(("side", "added"), [(0, False), (12, False), (42, False), (80, True)])
def test_where_little_is_known_nothing_is_added(side: int, added: bool) -> None:
    """A corner of that side is: none, less than a block, nine blocks, or enough of them."""
    hole = np.full((SIDE, SIDE), 255, np.uint8)
    hole[:side, :side] = 0
    picture = np.where(hole[..., None] > 0, np.uint8(120), grass(6, 120))
    blocks = _grid(hole, 0, 0)
    assert (blocks is not None) == added
    assert np.array_equal(carried(picture, hole), picture) != added


def test_the_same_place_gets_the_same_detail_from_a_window_that_begins_elsewhere() -> None:
    smooth = smoothed(grass(7, 120))
    whole = carried(smooth, holed(), 100, 60)[HOLE].astype(int)
    cut = carried(smooth[3:, 5:].copy(), np.ascontiguousarray(holed()[3:, 5:]), 105, 63)
    again = cut[HOLE[0].start - 3 : HOLE[0].stop - 3, HOLE[1].start - 5 : HOLE[1].stop - 5].astype(int)
    changed = whole - smooth[HOLE]
    assert (whole - again).std() < 0.5 * changed.std()


@pytest.mark.parametrize("margin", [48, 160])
def test_a_hole_however_large_gets_its_texture_with_what_the_stage_shows_around_it(margin: int) -> None:
    height, width = 1000 + 2 * margin, 1500 + 2 * margin
    rough = cv2.GaussianBlur(np.random.default_rng(8).normal(0, 1, (height, width)), (0, 0), sigmaX=1.0, sigmaY=5.0)
    truth = np.clip(np.rint(120 + rough * (25 / rough.std())), 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
    hole = np.zeros(truth.shape[:2], np.uint8)
    hole[margin:-margin, margin:-margin] = 255
    smooth = truth.copy()
    smooth[hole > 0] = 120
    blocks = _grid(hole, 0, 0)
    assert blocks is not None
    assert STEPS[0] < blocks.step
    assert len(blocks.asking) * len(blocks.known) < 2 * MOST
    before, after = (judge(picture, truth, hole)["edges"] for picture in (smooth, carried(smooth, hole)))
    assert after < 0.7 * before


def test_what_was_shown_inside_a_hole_has_no_part_in_it() -> None:
    made = smoothed(grass(9, 120))
    finished = []
    for inside in (0, 255):
        shown = grass(9, 120)
        shown[HOLE] = inside
        finished.append(Finish()(made.copy(), shown, holed(), 0, 0, light=True, texture=True, grain=True))
    assert np.array_equal(*finished)


@given(
    st.sampled_from(STEPS[:2]), st.tuples(*[st.integers(40, 120)] * 2), st.tuples(*[st.integers(0, 60)] * 2),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_pixel_of_a_hole_is_carried_from_a_place_that_is_known(
    step: int, size: tuple[int, int], at: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    hole = np.zeros(size, np.uint8)
    top, left = (int(random.integers(0, length - 1)) for length in size)
    cv2.rectangle(hole, (left, top), (left + 14, top + 9), 255, -1)
    blocks = _blocks(hole, *at, step)
    if not len(blocks.known):
        return
    unlike = random.random((len(blocks.asking), len(blocks.known)), np.float32)
    moved = step * _agreed(unlike, blocks)
    forbidden = np.repeat((hole > 0)[..., None].astype(np.float32), 3, 2)
    box = Box(left, top, min(left + 15, size[1]), min(top + 10, size[0]))
    assert not _carried(forbidden, moved, blocks, box).any()
    assert _carried(1 - forbidden, moved, blocks, box) == pytest.approx(1, abs=1e-5), "and all of it"
