"""Quads: the four corners of a licence plate in its box; or none, where no four are plausible."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

WORK = 160  # pixels: the width at which corners are looked for
ROOM = 0.12  # of the box's sides, at every side: a detector's box may cut a plate's corner
NEAR = 0.02  # of a contour's length: what lies as near to a line is part of it
AREA = 0.45, 1.15  # of the box: share that a plate fills
ASPECT = 1.15, 7.5  # width by height: those of motorcycles are the shortest, European ones the longest
OBLIQUE = 2.2  # how much longer one side may be than the one across from it
CORNER = 40.0, 140.0  # degrees of a corner
CENTRE = 0.2  # of the box's sides: distance of the plate's centre from the box's
LEAST = 12  # pixels of the box's width: of a smaller plate no corner is seen

Points = NDArray[np.float32]


def find_quad(image: Image, box: Points) -> Points | None:
    """float32 [4, 2], pixels of `image` [H, W, 3]: the corners of the plate in `box` (x0 y0 x1 y1), the upper left one
    first and on clockwise; None where none are sure."""
    x0, y0, x1, y1 = (float(at) for at in box)
    wide, high = x1 - x0, y1 - y0
    if wide < LEAST or high < LEAST / 3:
        return None
    left, top = max(0, int(x0 - ROOM * wide)), max(0, int(y0 - ROOM * high))
    part = image[top : int(y1 + ROOM * high) + 1, left : int(x1 + ROOM * wide) + 1]
    if min(part.shape[:2]) < 4:
        return None
    scale = min(4.0, WORK / part.shape[1])
    size = max(8, round(part.shape[1] * scale)), max(8, round(part.shape[0] * scale))
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    grey = cv2.cvtColor(cv2.resize(part, size, interpolation=how), cv2.COLOR_BGR2GRAY)
    fit = np.array((size[0] / part.shape[1], size[1] / part.shape[0]), np.float32)
    within = (np.array(((x0, y0), (x1, y1)), np.float32) - (left, top)) * fit
    best = max(_candidates(grey, within), key=lambda found: found[0], default=None)
    return None if best is None else best[1] / fit + np.array((left, top), np.float32)


def in_order(quad: Points) -> Points:
    """Four corners [4, 2], from the upper left one clockwise."""
    centre = quad.mean(0)
    angles = np.arctan2(*(quad - centre).T[::-1])  # y grows downwards: rising angles go clockwise
    turned = quad[np.argsort(angles)]
    return np.roll(turned, -int(np.argmin(turned.sum(1))), axis=0).astype(np.float32)


def plausible(quad: Points, box: Points) -> bool:
    """Whether corners in order can be those of a plate in a box [[x0, y0], [x1, y1]]."""
    if not np.isfinite(quad).all() or not cv2.isContourConvex(quad.reshape(-1, 1, 2)):
        return False
    sides = box[1] - box[0]
    share = cv2.contourArea(quad) / max(1.0, float(sides.prod()))
    across, right, below, left = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).tolist()
    if not AREA[0] <= share <= AREA[1] or min(across, right, below, left) < 2:
        return False
    if not ASPECT[0] <= (across + below) / (left + right) <= ASPECT[1]:
        return False
    if max(across / below, below / across, left / right, right / left) > OBLIQUE:
        return False
    off = np.abs(quad.mean(0) - box.mean(0)) / sides
    return bool((off <= CENTRE).all()) and all(CORNER[0] <= angle <= CORNER[1] for angle in _angles(quad))


def _angles(quad: Points) -> list[float]:
    """Degrees at each corner."""
    to, fro = np.roll(quad, -1, axis=0) - quad, np.roll(quad, 1, axis=0) - quad
    cosines = (to * fro).sum(1) / np.maximum(1e-6, np.linalg.norm(to, axis=1) * np.linalg.norm(fro, axis=1))
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist()  # type: ignore[no-any-return]


def _candidates(grey: Image, box: Points) -> Iterator[tuple[float, Points]]:
    """How good, and corners in order."""
    strength = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    typical = max(1.0, float(strength.mean()))
    for contour in _contours(grey):
        hull = cv2.convexHull(contour)
        if len(hull) < 4 or cv2.contourArea(hull) < AREA[0] / 2 * float((box[1] - box[0]).prod()):
            continue
        for quad in _quads_of(hull):
            ordered = in_order(quad)
            if plausible(ordered, box):
                fit = cv2.contourArea(hull) / max(1.0, cv2.contourArea(ordered))
                share = min(1.0, cv2.contourArea(ordered) / float((box[1] - box[0]).prod()))
                yield _on_edges(strength, ordered) / typical * min(fit, 1 / max(fit, 1e-3)) * share, ordered


def _contours(grey: Image) -> Iterator[Points]:
    """Outlines of what is light, of what is dark, and of what has edges around it."""
    height, width = grey.shape
    smooth = cv2.GaussianBlur(grey, (5, 5), 0)
    level, light = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
    block = max(3, width // 3) | 1
    local = cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, block, 0)
    edges = cv2.dilate(cv2.Canny(smooth, level / 2, level), np.ones((3, 3), np.uint8))
    closing = np.ones((max(3, height // 8) | 1, max(3, width // 16) | 1), np.uint8)
    for mask in (light, cv2.bitwise_not(light), local, edges):
        for shape in (mask, cv2.morphologyEx(mask, cv2.MORPH_CLOSE, closing),
                      cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))):  # fmt: skip
            found, _ = cv2.findContours(shape, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
            yield from sorted(found, key=cv2.contourArea, reverse=True)[:4]


def _quads_of(hull: Points) -> Iterator[Points]:
    """The hull as four corners: as it runs, and as the smallest upright-or-turned rectangle around it."""
    length = cv2.arcLength(hull, closed=True)
    for share in (NEAR, 2 * NEAR, 3 * NEAR):
        corners = cv2.approxPolyDP(hull, share * length, closed=True)
        if len(corners) == 4:
            yield corners.reshape(4, 2).astype(np.float32)
            break
    yield cv2.boxPoints(cv2.minAreaRect(hull)).astype(np.float32)


def _on_edges(strength: Points, quad: Points) -> float:
    """Mean edge along the weakest of the sides, and of all, of corners [4, 2]: a plate has an edge all around."""
    height, width = strength.shape
    steps = np.linspace(0.1, 0.9, 24, dtype=np.float32)[:, None]
    sides = []
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        x, y = np.rint(start + (end - start) * steps).astype(int).T
        sides.append(float(strength[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].mean()))
    return min(sides) + sum(sides) / 4
