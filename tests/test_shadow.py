"""Shadow and reflection go with whom they belong to; what only stands beside stays."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import FrameSpec
from stages.inpainting import Plate
from tests.frames import Bench, noisy, scenery

HEIGHT, WIDTH = 270, 480
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)
BODY = np.s_[90:200, 200:240]
SHADE = np.s_[188:204, 236:330]


def room() -> np.ndarray:
    return np.clip(scenery(HEIGHT, WIDTH, smooth=4), 60, 220)


def body() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[BODY] = 255
    return mask


def soft(area: tuple[slice, slice], depth: float) -> np.ndarray:
    """The share of the light that a shadow leaves, [H, W, 1]."""
    share = np.zeros((HEIGHT, WIDTH), np.float32)
    share[area] = depth
    return 1 - cv2.GaussianBlur(share, (0, 0), 2.5)[..., None]


def shown(picture: np.ndarray, **options: bool) -> np.ndarray:
    """What the plate makes of a picture after having seen the room for a while."""
    bench = Bench(Plate(**options), SPEC)
    bench.frames(noisy(room(), seed, 1) for seed in range(14))
    picture = picture.copy()
    picture[BODY] = (40, 30, 160)
    for seed in range(3):
        frame = bench.frame(image=noisy(picture, seed, 1), mask=body())
    assert not frame.rest.any()
    return frame.filled


def off(picture: np.ndarray, area: tuple[slice, slice]) -> float:
    return float(np.abs(picture[area].astype(float) - room()[area]).mean())


def test_a_soft_shadow_goes_with_whoever_throws_it() -> None:
    shaded = room() * soft(SHADE, 0.45)
    assert off(shaded, SHADE) > 25
    assert off(shown(shaded), SHADE) < 3
    assert off(shown(shaded, shadows=False), SHADE) > 25


def test_a_shadow_that_touches_nobody_stays() -> None:
    elsewhere = np.s_[188:204, 330:440]
    assert off(shown(room() * soft(elsewhere, 0.45)), elsewhere) > 25


def test_a_reflection_on_the_floor_goes_too() -> None:
    under = np.s_[200:260, 202:238]
    mirrored = room().astype(np.float32)
    mirrored[under] = mirrored[under] * 0.75 + np.array((40, 30, 160)) * 0.25
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), 0.5)
    assert off(mirrored, under) > 12
    assert off(shown(mirrored), under) < 5


def test_a_dark_thing_with_a_pattern_of_its_own_is_no_shadow() -> None:
    dog = np.s_[160:204, 262:330]
    picture = room()
    picture[dog] = scenery(HEIGHT, WIDTH, seed=5, smooth=1)[dog] // 3
    assert np.abs(shown(picture)[dog].astype(int) - picture[dog]).mean() < 4


def test_a_coloured_thing_beside_somebody_is_no_shadow() -> None:
    bag = np.s_[160:200, 256:300]
    picture = room()
    picture[bag] = (picture[bag] * (0.9, 0.35, 0.3)).astype(np.uint8)
    assert np.abs(shown(picture)[bag].astype(int) - picture[bag]).mean() < 4


def test_what_little_sticks_out_of_the_mask_goes_with_it() -> None:
    hair = np.s_[86:90, 212:228]
    picture = room()
    picture[hair] = (20, 20, 30)
    assert off(picture, hair) > 40
    assert off(shown(picture), hair) < 12
