"""The colours of what is in front, without those of what is behind it; knows no mask."""

from __future__ import annotations

import cv2
import numpy as np

from models.guided import Plane

WIDE, NARROW = 12, 3  # pixels to either side over which colours are averaged, first and then
LEAST = 1e-3  # weight below which there is nothing to average


def front_colours(colours: Plane, alpha: Plane) -> tuple[Plane, Plane]:
    """Averages of foreground and background around each pixel, float32 [h, w, 3] of the scale of `colours`.

    Two rounds of blur fusion (Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021), with boxes."""
    front, back = _averages(colours, colours, alpha, WIDE)
    front = unmixed(colours, alpha, front, back)
    return _averages(front, back, alpha, NARROW)


def unmixed(colours: Plane, alpha: Plane, front: Plane, back: Plane) -> Plane:
    """The foreground that, over `back`, comes nearest to what is seen, and is near `front`."""
    share = alpha[..., None]
    return np.asarray(front + share * (colours - share * front - (1 - share) * back), np.float32)


def _averages(front: Plane, back: Plane, alpha: Plane, radius: int) -> tuple[Plane, Plane]:
    size = (2 * radius + 1,) * 2
    return _average(front, alpha, size), _average(back, 1 - alpha, size)


def _average(colours: Plane, weight: Plane, size: tuple[int, ...]) -> Plane:
    weight = weight + np.float32(LEAST)
    total = cv2.boxFilter(weight, -1, size)[..., None]
    return np.asarray(cv2.boxFilter(colours * weight[..., None], -1, size) / total, np.float32)
