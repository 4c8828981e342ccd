"""Stamps: the shape of each tracked object on a small grid over its own rectangle; knows no track.

A cell holds 0 (not the object), 1 (seen there now) or n + 1 (carried on for n looks since it was seen). A stamp is
moved by moving its rectangle (x0 y0 x1 y1, pixels), so a mask that is held for a second is not blurred by being drawn
anew thirty times.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box, tight_box

SIDE = 96  # cells of either side
REACH = 24  # pixels around a box in which its label is looked for first: labels are grown
COVER = 100  # of 255: how much of a cell must be covered for it to be set
LIMB = 0.11  # of an object's size: what is thinner, and found no longer, is no limb but an edge that flickers
THINNEST = 0.1  # pixels

Floats = NDArray[np.float64]
_SQUARE = np.ones((3, 3), np.uint8)


def label_box(labels: Image, number: int, box: Floats) -> Box | None:
    """The smallest box around all pixels of `labels` that are `number`; they lie in and around `box`."""
    reach, start = REACH, visible(box, labels.shape)
    while True:
        area = start.grown(reach, *labels.shape)
        found = tight_box((area.of(labels) == number).view(np.uint8)) if area.of(labels).size else None
        if found is None:
            return None
        tight = Box(found.x0 + area.x0, found.y0 + area.y0, found.x1 + area.x0, found.y1 + area.y0)
        if not _cut_off(tight, area, labels.shape):
            return tight
        reach *= 4


def _equal(labels: Image, number: int) -> Image:
    """255 where it is; `cv2.compare` takes four pixels for four channels."""
    same: Image = (labels == number).view(np.uint8) * np.uint8(255)
    return same


def _cut_off(tight: Box, area: Box, shape: tuple[int, ...]) -> bool:
    low = tight.x0 == area.x0 > 0 or tight.y0 == area.y0 > 0
    return low or tight.x1 == area.x1 < shape[1] or tight.y1 == area.y1 < shape[0]


def press(labels: Image, number: int, box: Box, rect: Floats) -> Image:
    """A stamp over `rect` of the pixels in `box` that are `number`: cells of 0 and 1."""
    shape, (across, down) = _equal(box.of(labels), number), cell(rect)
    blur = (max(1, round(across)), max(1, round(down)))
    if max(blur) > 1:
        shape = cv2.blur(shape, blur, borderType=cv2.BORDER_CONSTANT)
    place = np.array([[across, 0, rect[0] + across / 2 - 0.5 - box.x0], [0, down, rect[1] + down / 2 - 0.5 - box.y0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return (cv2.warpAffine(shape, place, (SIDE, SIDE), flags=flags) > COVER).view(np.uint8)  # type: ignore[no-any-return]


def moved(stamp: Image, rect: Floats, to: Floats) -> Image:
    """The same shape in the same place of the picture as a stamp over another rectangle."""
    (across, down), (wide, high) = cell(to), cell(rect)
    shift = (to[0] + across / 2 - rect[0]) / wide - 0.5, (to[1] + down / 2 - rect[1]) / high - 0.5
    place = np.array([[across / wide, 0, shift[0]], [0, down / high, shift[1]]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(stamp, place, (SIDE, SIDE), flags=flags)  # type: ignore[no-any-return]


def limbs(lost: Image, rect: Floats) -> Image:
    """Of cells (0 or 1) those that are part of something thick; 255 there, else 0."""
    opened = cv2.morphologyEx(lost, cv2.MORPH_OPEN, _disc(rect))
    return cv2.dilate(opened, _SQUARE) * np.uint8(255)  # type: ignore[no-any-return]


def core(stamp: Image, rect: Floats) -> Image:
    """A stamp without its rim, which is mostly not the object: masks are grown. Cells of 0 and 1."""
    return cv2.erode(cv2.min(stamp, 1), _disc(rect))  # type: ignore[no-any-return]


def _disc(rect: Floats) -> Image:
    """As thick as a limb, as a structuring element over cells."""
    thick = LIMB * math.sqrt((rect[2] - rect[0]) * (rect[3] - rect[1]))
    across, down = (max(1, min(SIDE, round(thick / side))) for side in cell(rect).tolist())
    return _ellipse(across, down)


@lru_cache(256)
def _ellipse(across: int, down: int) -> Image:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, down))  # type: ignore[no-any-return]


def bounds(stamp: Image, rect: Floats, shape: tuple[int, ...]) -> Floats | None:
    """The part of `rect` within a picture of that shape in which a stamp has anything."""
    tight = tight_box(stamp)
    if tight is None:
        return None
    step, limit = np.tile(cell(rect), 2), np.array([shape[1], shape[0]] * 2, float)
    part = np.clip(np.tile(rect[:2], 2) + step * (tight.x0, tight.y0, tight.x1, tight.y1), 0, limit)
    return part if (part[2:] > part[:2]).all() else None


def cell(rect: Floats) -> Floats:
    """Width and height of a cell, pixels; something, even of a box that was clipped to nothing at the edge."""
    sides: Floats = np.maximum(rect[2:] - rect[:2], THINNEST) / SIDE
    return sides


def visible(rect: Floats, shape: tuple[int, ...]) -> Box:
    """The pixels of a picture of that shape that a rectangle touches; perhaps none."""
    x0, y0 = (max(0, math.floor(side)) for side in rect[:2])
    return Box(x0, y0, max(x0, min(shape[1], math.ceil(rect[2]))), max(y0, min(shape[0], math.ceil(rect[3]))))


def draw(cells: Image, rect: Floats, mask: Image) -> None:
    """Set `mask` to 255 where cells (not 0) over `rect` are set."""
    box = visible(rect, mask.shape)
    view = box.of(mask)
    if not view.size:
        return
    across, down = cell(rect)
    place = np.array(
        [[1 / across, 0, (box.x0 + 0.5 - rect[0]) / across - 0.5], [0, 1 / down, (box.y0 + 0.5 - rect[1]) / down - 0.5]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    full = cv2.compare(cells, 0, cv2.CMP_GT)
    drawn = cv2.warpAffine(full, place, view.shape[::-1], flags=flags)
    cv2.threshold(drawn, 127, 255, cv2.THRESH_BINARY, dst=drawn)
    cv2.bitwise_or(view, drawn, dst=view)
