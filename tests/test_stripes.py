"""The place on a vehicle that is patterned like a plate: found by its writing, of any size, and not on plain ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.stripes import find_stripe


def vehicle(width: int, x: float, y: float, share: float, factor: float = 1.0, ink: int = 20) -> np.ndarray:
    """A car's back, with lamps, bumper and a grille of level bars, and a plate that begins at (x, y), `share` of its
    width wide."""
    height = width * 3 // 4
    picture = np.full((height, width, 3), (120, 90, 80), np.uint8)
    for line in range(round(0.35 * height), round(0.5 * height), max(4, width // 60)):
        picture[line : line + max(2, width // 120), width // 5 : -width // 5] = 60
    picture[round(0.3 * height) : round(0.45 * height), : width // 8] = (40, 40, 200)
    picture[round(0.3 * height) : round(0.45 * height), -width // 8 :] = (40, 40, 200)
    picture[round(0.85 * height) :] = 40
    plate = np.full((72, 320, 3), 235, np.uint8)
    cv2.putText(plate, "B MX 4711 K", (8, 54), cv2.FONT_HERSHEY_DUPLEX, 1.55, (ink, ink, ink), 4)
    wide = round(share * width)
    small = cv2.resize(plate, (wide, round(wide * 72 / 320)), interpolation=cv2.INTER_AREA)
    left, top = round(x * width), round(y * height)
    picture[top : top + small.shape[0], left : left + wide] = small
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor != 1 else picture


@pytest.mark.parametrize("width", [130, 400, 1300])
@pytest.mark.parametrize(("x", "y", "share"), [(0.4, 0.6, 0.2), (0.12, 0.65, 0.3), (0.5, 0.7, 0.35)])
def test_the_whole_plate_is_in_the_box_and_not_half_the_vehicle(width: int, x: float, y: float, share: float) -> None:
    picture = vehicle(width, x, y, share)
    found = find_stripe(picture)
    assert found is not None
    (x0, y0, x1, y1), score = found
    height = picture.shape[0]
    wide, high = share * width, share * width * 72 / 320
    more_x, more_y = 0.3 * (x1 - x0), 0.3 * (y1 - y0)  # as the pipeline enlarges it
    assert x0 - more_x <= x * width
    assert x1 + more_x >= x * width + wide
    assert y0 - more_y <= y * height
    assert y1 + more_y >= y * height + high
    assert (x1 - x0) * (y1 - y0) < 0.12 * width * height
    assert 0.45 < score < 1


def test_a_plate_that_is_hard_to_read_scores_less() -> None:
    scores = [find_stripe(vehicle(400, 0.4, 0.6, 0.25, ink=ink)) for ink in (20, 150)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0][1] > scores[1][1]


@pytest.mark.parametrize("shape", [(24, 24), (300, 400), (30, 900), (900, 30), (1, 1)])
def test_on_what_is_plain_there_is_none(shape: tuple[int, int]) -> None:
    assert find_stripe(np.full((*shape, 3), 127, np.uint8)) is None


def test_level_bars_are_no_writing() -> None:
    picture = np.full((300, 400, 3), 127, np.uint8)
    picture[::6] = 20
    assert find_stripe(picture) is None
