"""Underlay: what goes beneath a drawing: colours from around the mask, never from within it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.pushpull import PushPull
from pipeline.frame import Image
from stages.box import Box

AROUND = 16  # pixels of picture around an object's reach that are looked at
LEAST = 0.02  # share of them that must be free of the mask
RIM = 3  # pixels: what is as near to the mask's edge is of both sides
LOOKED = 48  # pixels: the size at which it is seen whether somebody shows through
FEW = 8  # pixels: of fewer all are looked at
FLAT = 4.0  # levels: standard deviation below which there is nothing to be seen
ALIKE = 0.9  # correlation of grey values from which it is the same picture


def surroundings(image: Image, hidden: Image, place: Box, plain: Image) -> Image:
    """uint8 [h, w, 3] for `place`: what is not hidden there and around it, carried on smoothly; `plain`, the colour
    as [3], where next to everything is hidden."""
    wide = place.grown(AROUND, *hidden.shape)
    hole = np.ascontiguousarray(wide.of(hidden))
    free = hole.size - cv2.countNonZero(hole)
    if free < LEAST * hole.size:
        return np.broadcast_to(plain, (place.y1 - place.y0, place.x1 - place.x0, 3)).astype(np.uint8)
    filled = PushPull().inpaint(np.ascontiguousarray(wide.of(image)), hole)
    inner = Box(place.x0 - wide.x0, place.y0 - wide.y0, place.x1 - wide.x0, place.y1 - wide.y0)
    return inner.of(filled)


def without_rim(removed: Image, mask: Image, hidden: Image, plain: Image) -> Image:
    """`removed` [h, w, 3] with other pixels at the rim of the mask: there it is blended into the real picture, and a
    real one's colour beside the mask is partly of what is behind it. They become averages of what lies on both sides.
    """
    inner = cv2.erode(mask, np.ones((RIM, RIM), np.uint8), iterations=RIM // 2 + 1, borderValue=255)
    good = cv2.bitwise_or(inner, cv2.bitwise_not(hidden))
    rim = cv2.bitwise_not(good)
    size = (2 * RIM + 3,) * 2
    weights = cv2.boxFilter((good > 0).astype(np.float32), -1, size)
    sums = cv2.boxFilter(cv2.bitwise_and(removed, removed, mask=good).astype(np.float32), -1, size)
    means = sums / np.maximum(weights, 1e-6)[..., None]
    means[weights < 1e-3] = plain
    result = removed.copy()
    cv2.copyTo(np.clip(means + 0.5, 0, 255).astype(np.uint8), rim, result)
    return result


def shows_through(image: Image, removed: Image, mask: Image) -> bool:
    """Whether the picture of what was removed is still that of what was there: someone who was taken for background
    has been learned as such. All [h, w], of one object; a part without any detail shows nothing."""
    step = max(1, -(-max(mask.shape) // LOOKED))
    if np.count_nonzero(mask[::step, ::step]) < FEW:
        step = 1
    where = mask[::step, ::step] > 0
    one, other = (_greys(picture, step)[where] for picture in (image, removed))
    if not one.size or min(one.std(), other.std()) < FLAT:
        return False
    likeness = ((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std())
    return bool(likeness > ALIKE)


def _greys(picture: Image, step: int) -> NDArray[np.float32]:
    """Of every so-many-th pixel."""
    few = np.ascontiguousarray(picture[::step, ::step])
    return cv2.cvtColor(few, cv2.COLOR_BGR2GRAY).astype(np.float32)  # type: ignore[no-any-return]
