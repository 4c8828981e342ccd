"""The detail of the surroundings in what was invented: the same kind of it, no more than there is, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.infill_judge import judge
from models.base import Image
from stages.inpainting.texture import FEW, MOST, STEPS, _agreed, _blocks, _fine_enough, carry

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
    carry(made, hole, x, y)
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


def test_a_smooth_picture_stays_as_it_is() -> None:
    slope = np.linspace(40, 200, SIDE).astype(np.uint8)[None, :, None].repeat(SIDE, 0).repeat(3, 2)
    assert np.array_equal(carried(slope, holed()), slope)


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


@pytest.mark.parametrize("frame", [0, STEPS[0] // 2])
def test_where_hardly_anything_is_known_nothing_is_added(frame: int) -> None:
    hole = np.full((SIDE, SIDE), 255, np.uint8)
    hole[:frame] = hole[:, :frame] = 0
    picture = grass(6, 120)
    assert len(_fine_enough(hole, 0, 0).known) < FEW
    assert np.array_equal(carried(picture, hole), picture)


def test_the_same_place_gets_the_same_detail_from_a_window_that_begins_elsewhere() -> None:
    smooth = smoothed(grass(7, 120))
    whole = carried(smooth, holed(), 100, 60)[HOLE].astype(int)
    cut = carried(smooth[3:, 5:].copy(), np.ascontiguousarray(holed()[3:, 5:]), 105, 63)
    again = cut[HOLE[0].start - 3 : HOLE[0].stop - 3, HOLE[1].start - 5 : HOLE[1].stop - 5].astype(int)
    changed = whole - smooth[HOLE]
    assert (whole - again).std() < 0.5 * changed.std()


def test_a_hole_however_large_takes_few_comparisons_and_gets_its_texture() -> None:
    truth = np.tile(grass(8, 120), (5, 9, 1))
    hole = np.zeros(truth.shape[:2], np.uint8)
    hole[200:800, 400:1300] = 255
    smooth = truth.copy()
    smooth[hole > 0] = 120
    blocks = _fine_enough(hole, 0, 0)
    assert blocks.step > STEPS[0]
    assert blocks.pairs < MOST
    before, after = (judge(picture, truth, hole)["edges"] for picture in (smooth, carried(smooth, hole)))
    assert after < 0.7 * before


@given(
    st.sampled_from(STEPS[:2]), st.tuples(*[st.integers(40, 120)] * 2), st.tuples(*[st.integers(0, 60)] * 2),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_pixel_of_a_hole_is_carried_from_a_place_that_is_known(
    step: int, size: tuple[int, int], at: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    hole = np.zeros(size, np.uint8)
    top, left = (random.integers(0, length - 1) for length in size)
    cv2.rectangle(hole, (int(left), int(top)), (int(left) + 14, int(top) + 9), 255, -1)
    blocks = _blocks(hole, *at, step)
    if not len(blocks.known):
        return
    unlike = random.random((len(blocks.asking), len(blocks.known)), np.float32)
    moved = step * _agreed(unlike, blocks)
    for row, column in np.argwhere(hole > 0)[::7]:
        for down, across in np.ndindex(2, 2):
            which = (row - blocks.rows[0]) // step + down, (column - blocks.columns[0]) // step + across
            place = (row, column) + moved[which]
            assert (place >= 0).all()
            assert hole[tuple(place)] == 0
