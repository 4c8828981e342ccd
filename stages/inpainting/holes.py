"""Where holes are and how a filled one is put back; knows no inpainter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.frame import Image

CELL = 16  # pixels: holes are looked for on a grid, so that speckles do not make a thousand crops


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels x0 <= x < x1, y0 <= y < y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    def overlaps(self, other: Box) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def union(self, other: Box) -> Box:
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def of(self, picture: Image) -> Image:
        """The part of [H, W, ...] that the box covers, as a view."""
        return picture[self.y0 : self.y1, self.x0 : self.x1]


def find_crops(rest: Image, margin: int) -> list[Box]:
    """Crops that together hold every set pixel of `rest` [H, W], each with `margin` pixels of context around its own
    where the picture has them; no two overlap. From top to bottom."""
    if not rest.any():
        return []
    height, width = rest.shape
    boxes: list[Box] = []
    for tile in _tight_boxes(rest, margin):
        grown = Box(
            max(0, tile.x0 - margin),
            max(0, tile.y0 - margin),
            min(width, tile.x1 + margin),
            min(height, tile.y1 + margin),
        )
        boxes = _join(boxes, grown)
    return sorted(boxes, key=lambda box: (box.y0, box.x0))


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
        group = np.where(labels == label, cells, 0).astype(np.uint8)
        x, y, w, h = (CELL * side for side in cv2.boundingRect(group))
        left, top, inner_width, inner_height = cv2.boundingRect(rest[y : y + h, x : x + w])
        boxes.append(Box(x + left, y + top, x + left + inner_width, y + top + inner_height))
    return boxes
