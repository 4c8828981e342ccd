"""A moving camera and a cut are noticed; noise, light and things that move by themselves are not taken for them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from pipeline.frame import FrameSpec
from stages.inpainting import Plate
from tests.frames import Bench, noisy, scenery
from tests.thorough import rarely

HEIGHT, WIDTH = 270, 480
NOTHING: dict[str, list[int]] = {"plate_forgotten": [], "camera_moved": []}


def forgotten(pictures: Iterator[np.ndarray]) -> list[int]:
    """In which of the pictures the plate was forgotten."""
    return happened(pictures)["plate_forgotten"]


def happened(pictures: Iterator[np.ndarray]) -> dict[str, list[int]]:
    """In which of the pictures the plate was forgotten, and a camera that stood was found to move."""
    stage, hits = Plate(), {"plate_forgotten": list[int](), "camera_moved": list[int]()}
    bench = Bench(stage, FrameSpec(width=WIDTH, height=HEIGHT))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[90:200, 200:260] = 255
    for index, picture in enumerate(pictures):
        before = dict(stage.context.counts)
        bench.frame(image=picture, mask=mask)
        for what, seen in hits.items():
            if stage.context.counts[what] > before.get(what, 0):
                seen.append(index)
    return hits


def filmed(count: int, shift: float = 0, zoom: float = 1, turn: float = 0, gain: float = 1) -> Iterator[np.ndarray]:
    """A scene seen by a noisy camera; shift in pixels, turn in degrees, each per frame."""
    scene = scenery(HEIGHT + 200, WIDTH + 400)
    for index in range(count):
        motion = cv2.getRotationMatrix2D((WIDTH / 2 + 200, HEIGHT / 2 + 100), turn * index, zoom**index)
        motion[:, 2] += (-200 + shift * index, -100)
        view = cv2.warpAffine(scene, motion, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        yield noisy(np.clip(view * gain**index, 0, 255), index)


def test_a_still_camera_forgets_nothing() -> None:
    assert happened(filmed(40)) == NOTHING


def test_light_that_comes_and_goes_slowly_is_no_motion() -> None:
    for gain in (1.004, 0.996):
        assert happened(filmed(40, gain=gain)) == NOTHING


@pytest.mark.parametrize("shift", [3.0, *rarely(1.0, 20.0)])
def test_a_camera_that_pans_is_found_to_move_once_and_nothing_is_forgotten(shift: float) -> None:
    assert happened(filmed(20, shift)) == {"plate_forgotten": [], "camera_moved": [1]}


@pytest.mark.parametrize(
    "motion", [{"shift": 0.05}, {"turn": 0.05}, *rarely({"shift": 0.3}, {"zoom": 1.001})], ids=lambda m: str(m)
)
def test_motion_too_slow_to_be_seen_in_a_frame_is_noticed_before_it_is_a_pixel_wide(motion: dict[str, float]) -> None:
    hits = happened(filmed(60, **motion))["camera_moved"]
    assert hits
    corner = np.hypot(WIDTH, HEIGHT) / 2
    per_frame = (
        motion.get("shift", 0) + corner * (motion.get("zoom", 1) - 1) + corner * np.radians(motion.get("turn", 0))
    )
    assert hits[0] * per_frame < 2.5


def test_a_cut_is_noticed_at_once() -> None:
    scenes = [scenery(HEIGHT, WIDTH, seed) for seed in range(3)]
    assert forgotten(noisy(scenes[index // 10], index) for index in range(30)) == [10, 20]


def test_something_large_that_crosses_is_not_taken_for_the_camera() -> None:
    room, bus = scenery(HEIGHT, WIDTH), scenery(180, 200, seed=4)

    def crossing() -> Iterator[np.ndarray]:
        for index in range(50):
            picture = room.copy()
            left = -200 + index * 10
            x0, x1 = max(0, left), max(0, min(WIDTH, left + 200))
            picture[60:240, x0:x1] = bus[:, x0 - left : x1 - left]
            yield noisy(picture, index)

    assert forgotten(crossing()) == []


def test_a_plain_wall_tells_nothing_and_breaks_nothing() -> None:
    wall = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert forgotten(noisy(wall, index) for index in range(10)) == []


def test_a_frame_that_is_all_mask_is_borne() -> None:
    bench = Bench(Plate(), FrameSpec(width=WIDTH, height=HEIGHT))
    full = np.full((HEIGHT, WIDTH), 255, np.uint8)
    frames = bench.frames([scenery(HEIGHT, WIDTH)] * 3, full)
    assert all((frame.rest == 255).all() for frame in frames)
