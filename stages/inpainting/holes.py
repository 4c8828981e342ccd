"""Where holes are; knows no inpainter."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import Box, tight_box

CELL = 16  # pixels: holes are looked for on a grid, so that speckles do not make a thousand crops


def find_crops(rest: Image, margin: int) -> list[Box]:
    """Crops that together hold every set pixel of `rest` [H, W], each with `margin` pixels of context around its own
    where the picture has them; no two overlap. From top to bottom."""
    boxes: list[Box] = []
    if rest.any():
        for tight in _tight_boxes(rest, margin):
            boxes = _join(boxes, tight.grown(margin, *rest.shape))
    return sorted(boxes, key=lambda box: (box.y0, box.x0))


def widened(box: Box, tall: int, wide: int, height: int, width: int) -> Box:
    """A box of at least that size around a box, moved rather than cut at the edges of a picture of height x width."""
    y0, y1 = _stretched(box.y0, box.y1, tall, height)
    x0, x1 = _stretched(box.x0, box.x1, wide, width)
    return Box(x0, y0, x1, y1)


def _stretched(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    length = min(max(length, end - start), limit)
    start = min(max(0, start - (length - (end - start)) // 2), limit - length)
    return start, start + length


def _join(boxes: list[Box], box: Box) -> list[Box]:
    """Add a box, merged with all that it overlaps, directly or by way of another."""
    apart = boxes
    while True:
        touching = [other for other in apart if box.overlaps(other)]
        if not touching:
            return [*apart, box]
        apart = [other for other in apart if not box.overlaps(other)]
        for other in touching:
            box = box.union(other)


def _tight_boxes(rest: Image, margin: int) -> list[Box]:
    """Boxes around groups of set pixels; pixels whose grid cells are nearer than about `margin` are one group."""
    height, width = rest.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, columns * CELL), np.uint8)
    padded[:height, :width] = rest
    cells = padded.reshape(rows, CELL, columns, CELL).max(axis=(1, 3))
    near = cv2.dilate(cells, np.ones((2 * (margin // CELL) + 1,) * 2, np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    boxes = []
    for label in range(1, count):
        coarse = tight_box(np.where(labels == label, cells, 0))
        assert coarse is not None, "a group has at least one cell"
        x, y = coarse.x0 * CELL, coarse.y0 * CELL
        fine = tight_box(padded[y : coarse.y1 * CELL, x : coarse.x1 * CELL])
        assert fine is not None, "a cell has at least one pixel"
        boxes.append(Box(x + fine.x0, y + fine.y0, x + fine.x1, y + fine.y1))
    return boxes
