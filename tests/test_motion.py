"""The way of a camera, and where the pixels of a box lie in another picture, are found from points."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.box import Box
from stages.inpainting.field import field
from stages.inpainting.keyframes import chain
from stages.inpainting.motion import IDENTITY, Reduced, moved, register
from stages.inpainting.moving import REMEMBERED, STEP
from tests.frames import noisy, scenery

HEIGHT, WIDTH = 270, 480
OPEN = np.full((HEIGHT, WIDTH), 255, np.uint8)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def shifted(picture: np.ndarray, homography: np.ndarray) -> np.ndarray:
    size = picture.shape[1], picture.shape[0]
    return cv2.warpPerspective(picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(
    "true",
    [
        np.array([[1, 0, 7.4], [0, 1, -3.2], [0, 0, 1.0]]),
        np.array([[1.02, 0.01, -4], [-0.01, 1.02, 2], [1e-5, -1e-5, 1.0]]),
    ],
)
def test_the_homography_between_two_pictures_is_found_to_a_fraction_of_a_pixel(true: np.ndarray) -> None:
    scene = scenery(HEIGHT, WIDTH)
    found = register(grey(noisy(scene, 1)), grey(noisy(shifted(scene, true), 2)), OPEN, OPEN)
    assert found is not None
    places = np.array([(100, 80), (240, 135), (400, 200)], np.float32)
    assert np.abs(moved(found.homography, places) - moved(true, places)).max() < 0.15


def test_what_moves_behind_the_mask_has_no_say() -> None:
    scene, mask = scenery(HEIGHT, WIDTH), OPEN.copy()
    mask[:, :300] = 0
    other = scene.copy()
    other[:, :300] = np.roll(scene, 9, axis=1)[:, :300]
    found = register(grey(scene), grey(other), mask, mask)
    assert found is not None
    places = np.array([(40, 30), (440, 30), (240, 240)], np.float32)
    assert np.abs(moved(found.homography, places) - places).max() < 0.3
    assert found.off < 0.05


def test_two_scenes_have_no_way_between_them() -> None:
    one, other = (grey(scenery(HEIGHT, WIDTH, seed)) for seed in (1, 2))
    assert register(one, other, OPEN, OPEN) is None
    assert register(one, other, np.zeros_like(OPEN), OPEN) is None
    assert register(np.full_like(one, 90), np.full_like(one, 90), OPEN, OPEN) is None


def test_points_of_the_reduced_picture_lie_in_their_places_whatever_the_size() -> None:
    reduced, picture = Reduced.of(803, 2399), np.zeros((803, 2399, 3), np.uint8)
    picture[780:783, 2370:2373] = 255
    assert np.argwhere(reduced.grey(picture)).tolist() == [[260, 790]]


@pytest.mark.parametrize(("height", "width", "ratio"), [(360, 640, 1), (720, 1280, 2), (2160, 3840, 5), (90, 2000, 3)])
def test_a_motion_is_the_same_in_the_reduced_picture_and_back(height: int, width: int, ratio: int) -> None:
    reduced = Reduced.of(height, width)
    true = np.array([[1.01, 0.002, 12], [-0.003, 0.99, -7], [1e-6, 2e-6, 1]])
    assert reduced.ratio == ratio
    assert np.allclose(reduced.full(reduced.small(true)), true)
    assert reduced.grey(np.zeros((height, width, 3), np.uint8)).shape == (reduced.height, reduced.width)
    move = np.array([[1, 0, 10], [0, 1, -20], [0, 0, 1.0]])
    assert np.allclose(reduced.small(move)[:2, 2] * ratio, (10, -20))


def test_a_field_follows_what_no_homography_can() -> None:
    rng, box = np.random.default_rng(0), Box(100, 50, 300, 200)
    points = rng.uniform((80, 30), (320, 220), (500, 2)).astype(np.float32)

    def true(places: np.ndarray) -> np.ndarray:
        bend = 1.5 * np.sin(places[:, :1] / 40) * np.array((1, 0.5))
        return (places + np.array((6, -2)) + bend).astype(np.float32)

    found = field(box, points, true(points))
    assert found is not None
    x, y = np.meshgrid(np.arange(110, 290, 9), np.arange(60, 190, 9))
    places = np.column_stack((x.ravel(), y.ravel())).astype(np.float32)
    at = places[:, 1].astype(int) - 50, places[:, 0].astype(int) - 100
    error = np.column_stack((found.x[at], found.y[at])) - true(places)
    assert np.abs(error).mean() < 0.25


def test_points_that_agree_on_nothing_make_no_field() -> None:
    rng = np.random.default_rng(0)
    points, there = (rng.uniform(0, 300, (8, 2)).astype(np.float32) for _ in range(2))
    assert field(Box(0, 0, 300, 300), points, there) is None


def test_the_way_back_is_the_product_of_the_steps_if_all_are_known() -> None:
    steps = np.zeros(REMEMBERED, STEP)
    step = np.array([[1, 0, 2.0], [0, 1, 0], [0, 0, 1]])
    for index in range(50, 90):
        steps[index % REMEMBERED] = (index, index - 1, step)
    way = chain(steps, 89, 84)
    assert way is not None
    assert np.allclose(way[:2, 2], (10, 0))
    assert chain(steps, 89, 40) is None
    assert np.allclose(chain(steps, 89, 89), IDENTITY)


def test_the_way_back_leads_over_frames_that_were_dropped() -> None:
    steps = np.zeros(REMEMBERED, STEP)
    step = np.array([[1, 0, 6.0], [0, 1, 0], [0, 0, 1]])
    for index in range(3, 33, 3):
        steps[index % REMEMBERED] = (index, index - 3, step)
    way = chain(steps, 30, 24)
    assert way is not None
    assert np.allclose(way[:2, 2], (12, 0))
    assert chain(steps, 30, 25) is None
