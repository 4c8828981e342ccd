"""From prototype masks to one patch per instance, at the picture's own resolution; knows no network."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Patch
from models.letterbox import Letterbox

RATIO = 4  # input pixels per prototype pixel
WIDER = 0.1  # of a box's shorter side: how far a mask with a generous contour may reach out of it
LONGEST = 8  # prototype pixels: how far a crop is widened to begin and end where a pixel of the picture does

Plane = NDArray[np.float32]


def cut_patch(prototypes: Plane, coefficients: Plane, box: Plane, fit: Letterbox, contour: float = 0.5) -> Patch:
    """The mask of one instance inside its box.

    `prototypes` [masks, h, w] weighted with `coefficients` [masks] give logits, which are interpolated (bilinear) at
    the picture's pixel centres; what is the instance's with a probability above `contour` belongs to it. Below 0.5, the
    network's own, more is taken than less, also a little outside the box. Work is done around the box only. `box` is in
    pixels of the picture, within it; a pixel is in it that starts in it, so a patch may have no pixel.
    """
    if contour < 0.5:
        box = _widened(box, fit)
    x0, y0, x1, y1 = (math.ceil(side) for side in box)
    width, height = max(0, x1 - x0), max(0, y1 - y0)
    if not width or not height:
        return Patch(x0, y0, np.zeros((height, width), np.uint8))
    across, down = (
        (x0, width, fit.left, fit.inner_width, fit.width),
        (y0, height, fit.top, fit.inner_height, fit.height),
    )
    fine = _enlarge(prototypes, coefficients, across, down)
    if fine is None:
        fine = _sample(prototypes, coefficients, across, down)
    return Patch(x0, y0, (fine > math.log(contour / (1 - contour))).view(np.uint8) * np.uint8(255))


def _widened(box: Plane, fit: Letterbox) -> Plane:
    """A larger box within the picture; one without pixels stays so."""
    side = WIDER * min(box[2] - box[0], box[3] - box[1])
    limits = np.array([fit.width, fit.height] * 2, np.float32)
    return np.clip(box + np.array([-side, -side, side, side], np.float32), 0, limits)


Axis = tuple[int, int, int, int, int]  # first pixel of the picture, how many; the letterbox's pad, inner and outer side


def _sample(prototypes: Plane, coefficients: Plane, across: Axis, down: Axis) -> Plane:
    """Logits [height, width] at any place."""
    columns, shift_x, step_x = _covering(*across)
    rows, shift_y, step_y = _covering(*down)
    places = np.array([[step_x, 0, shift_x], [0, step_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    logits = _logits(prototypes, coefficients, rows, columns)
    return cv2.warpAffine(logits, places, (across[1], down[1]), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _enlarge(prototypes: Plane, coefficients: Plane, across: Axis, down: Axis) -> Plane | None:
    """The same, twenty times as fast, where edges of prototype pixels fall on edges of the picture's often enough, as
    in all usual sizes; else None."""
    x, y = _aligned(*across), _aligned(*down)
    if x is None or y is None:
        return None
    (columns, left, width), (rows, top, height) = x, y
    logits = _logits(prototypes, coefficients, rows, columns)
    whole = cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
    left, top = across[0] - left, down[0] - top
    return whole[top : top + down[1], left : left + across[1]]  # type: ignore[no-any-return]


def _logits(prototypes: Plane, coefficients: Plane, rows: slice, columns: slice) -> Plane:
    part = prototypes[:, rows, columns]
    logits: Plane = np.einsum("k,khw->hw", coefficients, part)  # not BLAS, whose threads would have to be woken
    return logits


def _covering(start: int, length: int, pad: int, inner: int, outer: int) -> tuple[slice, float, float]:
    """Which prototype pixels cover picture pixels [start, start + length), and where picture pixel `start` + i lies
    among them: at shift + i * step. What was found on the grey around the picture is left out."""
    step = inner / outer / RATIO
    first = (start + 0.5) * step + pad / RATIO - 0.5
    low = max(pad // RATIO, math.floor(first) - 1)
    high = min(-(-(pad + inner) // RATIO), math.ceil(first + (length - 1) * step) + 2)
    return slice(low, high), first - low, step


def _aligned(start: int, length: int, pad: int, inner: int, outer: int) -> tuple[slice, int, int] | None:
    """Which prototype pixels cover picture pixels [start, start + length) and begin and end on edges of some: with the
    picture pixel at which they begin, and how many they cover."""
    cycle = inner // math.gcd(inner, outer)
    period = cycle // math.gcd(cycle, RATIO)  # every so many prototype pixels the edges meet
    if period > LONGEST or pad % RATIO or inner % RATIO:
        return None
    step = inner / outer / RATIO
    low = max(0, math.floor((start + 0.5) * step - 0.5)) // period * period
    high = min(inner // RATIO, -(-(math.floor((start + length - 0.5) * step - 0.5) + 2) // period) * period)
    edges = [at * RATIO * outer // inner for at in (low, high)]
    return slice(pad // RATIO + low, pad // RATIO + high), edges[0], edges[1] - edges[0]
