"""Push-pull: smooth, exact outside the hole, better than Telea where the project measures, and as quick."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pushpull import WORK_PIXELS, PushPull
from models.registry import load_inpainter
from models.telea import Telea
from stages.box import tight_box
from tests.clips import decode
from tests.frames import scenery

COMPOSITES = Path(__file__).resolve().parents[2] / "shared/data/composites"


def square_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), np.uint8)
    hole[height // 4 : height // 2, width // 4 : width // 2] = 255
    return hole


@settings(max_examples=30)
@given(height=st.integers(1, 70), width=st.integers(1, 300), y=st.integers(0, 60), x=st.integers(0, 200))
def test_every_size_comes_back_as_it_was_outside_the_hole(height: int, width: int, y: int, x: int) -> None:
    picture = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    hole = np.zeros((height, width), np.uint8)
    hole[y:, x : x + 40] = 255
    result = PushPull().inpaint(picture, hole)
    assert result.shape == picture.shape
    assert np.array_equal(result[hole == 0], picture[hole == 0])


@pytest.mark.parametrize("shape", [(64, 64), (400, 500)])  # at its own size, and reduced
def test_what_is_in_the_hole_has_no_say(shape: tuple[int, int]) -> None:
    picture, hole = scenery(*shape), square_hole(*shape)
    assert (shape[0] * shape[1] > WORK_PIXELS) == (shape[0] == 400)
    other = picture.copy()
    other[hole > 0] = 255 - other[hole > 0]
    assert np.array_equal(PushPull().inpaint(picture, hole), PushPull().inpaint(other, hole))


def test_one_colour_is_continued_and_a_slope_is_followed() -> None:
    hole = square_hole(120, 120)
    flat = np.full((120, 120, 3), (10, 100, 200), np.uint8)
    assert np.abs(PushPull().inpaint(flat, hole).astype(int) - flat).max() <= 1
    slope = np.broadcast_to(np.arange(20, 140, dtype=np.uint8)[None, :, None], (120, 120, 3)).copy()
    result = PushPull().inpaint(slope, hole)[45, 30:60, 0].astype(int)
    assert (np.diff(result) >= -1).all()
    assert result[-1] - result[0] > 15


def test_a_picture_that_is_all_hole_is_black() -> None:
    hole = np.full((30, 40), 255, np.uint8)
    assert not PushPull().inpaint(scenery(30, 40), hole).any()


def test_it_is_found_by_its_name_and_says_what_it_costs() -> None:
    model = load_inpainter("push-pull")
    assert model.info.name == "push-pull"
    assert model.window(5, 7) == (5, 7)
    assert 0 < model.cost(10, 10) < model.cost(100, 100) < 0.01
    assert 0 < model.warm_up() < 1


@pytest.mark.skipif(not COMPOSITES.is_dir(), reason="no ../shared/data/composites")
@pytest.mark.parametrize(("clip", "gain"), [("moving_goat_cross", 0.4), ("pan_stream_walk", 0.4)])
def test_it_is_better_than_telea_where_the_background_was_never_seen(clip: str, gain: float) -> None:
    files = (COMPOSITES / clip / name for name in ("input.mp4", "bg.mp4", "mask.mkv"))
    error = {"telea": 0.0, "push-pull": 0.0}
    for shown, truth, mask in zip(*(decode(file)[::24] for file in files), strict=True):
        hole = cv2.dilate((mask[..., 0] > 127).astype(np.uint8) * 255, np.ones((17, 17), np.uint8))
        if (box := tight_box(hole)) is None:
            continue
        box = box.grown(48, *hole.shape)
        for model in (Telea(), PushPull()):
            made = model.inpaint(np.ascontiguousarray(box.of(shown)), np.ascontiguousarray(box.of(hole)))
            error[model.info.name] += float(((made - box.of(truth).astype(float))[box.of(hole) > 0] ** 2).mean())
    assert 10 * np.log10(error["telea"] / error["push-pull"]) > gain
