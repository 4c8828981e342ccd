"""Stripes: the place on a vehicle that is patterned like a licence plate, by edges alone; knows no vehicle.

Writing is many upright edges, close together, all along a strip of a plate's proportions, with few above and below it
and at its ends. Grilles have as many level edges, lamps theirs at one end. It says where a plate would be rather than
whether there is one: good enough to be covered, not to be counted.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image

WIDE = 400  # pixels to which a vehicle is scaled ...
MOST = 4.0  # ... but enlarged by no more than this
WIDTHS = (0.13, 0.16, 0.2, 0.24, 0.29, 0.35, 0.42)  # of the vehicle's width, that a plate can have
PROPORTIONS = 4.5  # width over height: European plates, and two-row ones' rows
LEAST = 5  # pixels of a strip's height, at the vehicle's scale
PLACES = 4  # looked at for each width
STRONGEST = 94  # percentile of what edges there are: none counts more than that one
ALIKE = 0.7  # of the best strip's strength, that those have which show the same plate
TOGETHER = 0.5  # of the smaller of two strips, that lies in the other
HALF = 15.0  # strength for a score of one half

Floats = NDArray[np.float32]


def find_stripe(vehicle: Image) -> tuple[Floats, float] | None:
    """The box (x0 y0 x1 y1, pixels of `vehicle` uint8 [H, W, 3] BGR) of what is most like a plate, and a score of 0 to
    1; None where nothing is. It is as large as all strips that fit there about as well."""
    factor = min(MOST, WIDE / vehicle.shape[1])
    grey = cv2.cvtColor(vehicle, cv2.COLOR_BGR2GRAY)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    edges = _upright(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=interpolation))
    found = [strip for share in WIDTHS for strip in _strips(edges, share)]
    if not found:
        return None
    strips = np.array(sorted(found, reverse=True), np.float32)
    best, boxes = strips[0], strips[:, 1:]
    alike = boxes[(_common(boxes, best[1:]) > TOGETHER) & (strips[:, 0] > ALIKE * best[0])]
    box = np.concatenate((alike[:, :2].min(0), alike[:, 2:].max(0))) / np.float32(factor)
    return box.astype(np.float32), float(best[0] / (best[0] + HALF))


def _upright(grey: Image) -> Floats:
    """How much more upright than level the edges are at each pixel."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    across, down = (cv2.convertScaleAbs(cv2.Sobel(smooth, cv2.CV_16S, *way)) for way in ((1, 0), (0, 1)))
    edges = np.maximum(across.astype(np.float32) - 0.5 * down.astype(np.float32), 0)
    there = edges[edges > 0]
    return np.asarray(np.minimum(edges, np.percentile(there, STRONGEST) if len(there) else 0), np.float32)


def _strips(edges: Floats, share: float) -> list[tuple[float, ...]]:
    """Strength and x0 y0 x1 y1 of the best strips of a width of that share."""
    height, width = edges.shape
    wide, high = int(width * share) | 1, round(width * share / PROPORTIONS) | 1
    if high < LEAST or 3 * high > height or wide + 2 * high > width:
        return []
    strength = _strength(edges, wide, high)
    strength[:high] = strength[-high:] = -np.inf
    strength[:, : wide // 2] = strength[:, -(wide // 2) :] = -np.inf
    found: list[tuple[float, ...]] = []
    for _ in range(PLACES):
        y, x = divmod(int(strength.argmax()), width)
        best = float(strength[y, x])
        if not best > 0:
            break
        found.append((best, x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
        strength[max(0, y - high) : y + high, max(0, x - wide // 2) : x + wide // 2] = -np.inf
    return found


def _strength(edges: Floats, wide: int, high: int) -> Floats:
    """For each pixel, as the middle of a strip: the edges in it, in the weakest third of it as well, less those above
    and below, and a little of those at its ends."""
    rows = int(high * 0.7) | 1
    inner = _mean(edges, int(wide * 0.86), rows)
    third, aside = _mean(edges, int(wide * 0.28), rows), int(wide * 0.29)
    weakest = np.minimum(np.minimum(np.roll(third, aside, 1), np.roll(third, -aside, 1)), third)
    line, away = _mean(edges, wide, int(high * 0.4)), int(high * 0.85)
    beyond, end = _mean(edges, int(high * 0.6), high), int(wide * 0.5 + high * 0.5)
    around = 0.4 * (np.roll(line, away, 0) + np.roll(line, -away, 0))
    ends = 0.1 * (np.roll(beyond, end, 1) + np.roll(beyond, -end, 1))
    strength: Floats = 0.5 * inner + 0.5 * weakest - around - ends
    return strength


def _mean(edges: Floats, wide: int, high: int) -> Floats:
    return np.asarray(cv2.blur(edges, (max(3, wide | 1), max(3, high | 1))), np.float32)


def _common(boxes: Floats, one: Floats) -> Floats:
    """For each box the share of the smaller of it and `one` that lies in both."""
    sides = np.maximum(np.minimum(boxes[:, 2:], one[2:]) - np.maximum(boxes[:, :2], one[:2]), 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(sides.prod(1) / np.minimum(areas, (one[2:] - one[:2]).prod()), np.float32)
