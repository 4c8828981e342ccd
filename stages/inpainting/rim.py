"""Matches what was invented for a hole to the picture around it: no step along its rim; knows no model."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

REACH = 3  # pixels a side of the square over which both sides of the rim are averaged
MOST = 16  # levels: what differs by more shows another thing, and is no matter of light
LEAST = 0.5  # levels: what differs by less cannot be seen
CERTAIN = 2.0  # standard errors that a difference must exceed
MEDIAN_ERROR = 1.25  # standard error of a median, in those of a mean
PARTS = 16  # of the rim

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


def match_rim(invented: Image, picture: Image, hole: Image) -> Image:
    """`invented` [h, w, 3], in each colour lighter or darker by as much as it differs along the rim of `hole` [h, w]
    (255 inside) from `picture` [h, w, 3]; as it stands where texture hides a difference or it is no matter of light.

    Medians, first around each part of the rim, then of the parts: they follow no edge that ends at the hole. A gain is
    not fitted, since both sides are of one exposure."""
    rim = cv2.subtract(hole, cv2.erode(hole, _CROSS, borderValue=255))
    points = cv2.findNonZero(rim)
    if points is None or hole.all():
        return invented
    x, y = points[:, 0, 0], points[:, 0, 1]
    steps = _mean_at(picture, cv2.bitwise_not(hole), x, y) - _mean_at(invented, hole, x, y)
    step = _certain(steps, _parts(x, y))
    if not step.any() or np.abs(step).max() > MOST:
        return invented
    matched: Image = np.clip(invented + np.rint(step), 0, 255).astype(np.uint8)
    return matched


def _parts(x: Places, y: Places) -> Places:
    """In which part of the rim each point lies: by its direction from the middle."""
    turn = np.arctan2(y - y.mean(), x - x.mean()) / (2 * np.pi) + 0.5
    parts: Places = np.minimum(turn * PARTS, PARTS - 1).astype(np.intp)
    return parts


def _certain(steps: Floats, parts: Places) -> Floats:
    """The step [3] in the middle of `steps` [N, 3]; 0 where it may be chance. Neighbours are alike: what counts is how
    far the parts agree."""
    found = np.array([np.median(steps[parts == part], axis=0) for part in np.unique(parts)])
    step: Floats = np.median(found, axis=0)
    error = MEDIAN_ERROR * found.std(axis=0) / np.sqrt(len(found))
    step[np.abs(step) < np.maximum(LEAST, CERTAIN * error)] = 0
    return step


def _mean_at(picture: Image, where: Image, x: Places, y: Places) -> Floats:
    """Colours [N, 3] around the points, averaged over what is set in `where`."""
    size = (REACH, REACH)
    sums = cv2.boxFilter(cv2.bitwise_and(picture, picture, mask=where), cv2.CV_32F, size, normalize=False)
    counts = cv2.boxFilter(where, cv2.CV_32F, size, normalize=False) / 255
    found: Floats = sums[y, x] / np.maximum(counts[y, x], 1)[:, None]
    return found
