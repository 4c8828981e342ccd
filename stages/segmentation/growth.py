"""Growing a mask by a number of pixels, where it is set only; knows nothing of what the mask shows."""

from __future__ import annotations

import math

import cv2

from pipeline.frame import Image
from stages.box import tight_box

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_CORNER = math.sqrt(2) - 1  # of a regular octagon: half an edge against the inner radius


def grow_mask(mask: Image, pixels: int) -> None:
    """Dilate `mask` (uint8 [H, W] of 0 and 255) in place by a regular octagon around the disc of radius `pixels`.

    A square of `squares` steps and a diamond of the rest make the octagon: two fast dilations instead of one with a
    large kernel. No pixel farther than `pixels` in x or in y from the mask is set.
    """
    box = tight_box(mask)
    if pixels == 0 or box is None:
        return
    dilate(box.grown(pixels, *mask.shape).of(mask), pixels)


def dilate(view: Image, pixels: int) -> None:
    """The same for a picture in which what is set may be anywhere."""
    squares = math.ceil(pixels * _CORNER)
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * squares + 1, 2 * squares + 1))
    grown = cv2.dilate(view, square)
    if pixels > squares:
        grown = cv2.dilate(grown, _CROSS, iterations=pixels - squares)
    view[:] = grown
