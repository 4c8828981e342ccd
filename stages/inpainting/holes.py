"""Where holes are, and which of them are cheaper to fill together; knows no inpainter but its price."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import Box, tight_box

CELL = 16  # pixels: holes are looked for on a grid, so that speckles do not make a thousand crops
MOST = 16  # crops of one frame: where there are more holes, the nearest ones are one

Price = Callable[[int, int], float]
"""What a crop of so many rows and columns costs, in any unit."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The pixels that are to be filled lie in `hole`; `window` is the hole with its context, as the inpainter sees it.

    Another crop's hole may lie in the window, never in this one's hole."""

    hole: Box
    window: Box


def find_crops(rest: Image, margin: int, price: Price) -> list[Crop]:
    """One crop for each hole, two where that is cheaper as one; together they hold every set pixel of `rest` [H, W],
    each with `margin` pixels of context where the picture has them. From top to bottom."""
    if not rest.any():
        return []

    def window(box: Box) -> Box:
        return box.grown(margin, *rest.shape)

    def worth(box: Box) -> float:
        seen = window(box)
        return price(seen.y1 - seen.y0, seen.x1 - seen.x0)

    boxes = sorted(_joined(_tight_boxes(rest), worth), key=lambda box: (box.y0, box.x0))
    return [Crop(box, window(box)) for box in boxes]


def widened(box: Box, tall: int, wide: int, height: int, width: int) -> Box:
    """A box of at least that size around a box, moved rather than cut at the edges of a picture of height x width."""
    y0, y1 = _stretched(box.y0, box.y1, tall, height)
    x0, x1 = _stretched(box.x0, box.x1, wide, width)
    return Box(x0, y0, x1, y1)


def _stretched(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    length = min(max(length, end - start), limit)
    start = min(max(0, start - (length - (end - start)) // 2), limit - length)
    return start, start + length


def _joined(boxes: list[Box], worth: Callable[[Box], float]) -> list[Box]:
    """Two by two those that are made cheaper by it, the largest gain first; those that overlap in any case."""
    costs = {box: worth(box) for box in boxes}

    def gain(one: Box, other: Box) -> float:
        if one.overlaps(other):
            return math.inf
        union = one.union(other)
        if union not in costs:
            costs[union] = worth(union)
        return costs[one] + costs[other] - costs[union]

    while len(boxes) > 1:
        one, other = max(combinations(boxes, 2), key=lambda pair: gain(*pair))
        if gain(one, other) < 0:
            break
        union = one.union(other)
        costs.setdefault(union, worth(union))
        boxes = [box for box in boxes if box not in (one, other)] + [union]
    return boxes


def _tight_boxes(rest: Image) -> list[Box]:
    """Boxes around groups of set pixels; those whose grid cells touch are one group, or, where that makes too many,
    those that are near."""
    height, width = rest.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, columns * CELL), np.uint8)
    padded[:height, :width] = rest
    cells = padded.reshape(rows, CELL, columns, CELL).max(axis=(1, 3))
    near, reach = cells, 1
    count, labels = cv2.connectedComponents(near, connectivity=8)
    while count - 1 > MOST:
        near = cv2.dilate(cells, np.ones((2 * reach + 1,) * 2, np.uint8))
        count, labels = cv2.connectedComponents(near, connectivity=8)
        reach *= 2
    boxes = []
    for label in range(1, count):
        coarse = tight_box(np.where(labels == label, cells, 0))
        assert coarse is not None, "a group has at least one cell"
        x, y = coarse.x0 * CELL, coarse.y0 * CELL
        fine = tight_box(padded[y : coarse.y1 * CELL, x : coarse.x1 * CELL])
        assert fine is not None, "a cell has at least one pixel"
        boxes.append(Box(x + fine.x0, y + fine.y0, x + fine.x1, y + fine.y1))
    return boxes
