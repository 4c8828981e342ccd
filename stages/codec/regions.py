"""Regions: a mask as few rectangles on the grid of an encoder's blocks, that cover it and do not flicker."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.base import Image

CELL = 16  # pixels: the macroblocks of H.264
MOST = 32
MARGIN = 0  # pixels around the mask that count as masked: cells reach beyond it anyway
HOLD = (
    2  # pictures that a cell stays after it was last needed (measured: 5 take 2 % more bytes than 2, 0 take 2 % less)
)
MANY = 3  # times more rectangles than may be: then a coarser grid is cheaper than merging

Cells = NDArray[np.bool_]
Boxes = NDArray[np.int64]  # [N, 4], x0 y0 x1 y1


class Region(NamedTuple):
    """A rectangle of the picture in pixels; x1 and y1 are the first ones outside."""

    x0: int
    y0: int
    x1: int
    y1: int


class Regions:
    """Finds the rectangles of one stream's masks, picture after picture."""

    def __init__(
        self, width: int, height: int, *, cell: int = CELL, most: int = MOST, margin: int = MARGIN, hold: int = HOLD
    ) -> None:
        """`cell`: pixels of the grid, a multiple of 8; `margin`: pixels around the mask that count as masked."""
        rows, columns = -(-height // cell), -(-width // cell)
        self._size = width, height
        self._cell, self._most, self._margin, self._hold = cell, most, margin, hold
        self._padded = np.zeros((rows * cell, columns * cell), np.uint8)
        self._left = np.zeros((rows, columns), np.int64)  # pictures for which each cell still counts

    def of(self, mask: Image) -> tuple[Region, ...]:
        """At most `most` rectangles, on the grid but for the picture's rim, that cover all of `mask` (uint8 [H, W])
        that is not 0, and what lately was not."""
        self._left = np.maximum(self._left - 1, self._touched(mask) * (self._hold + 1))
        if not self._left.any():
            return ()
        width, height = self._size
        boxes = cover(self._left > 0, self._most) * self._cell
        return tuple(Region(x0, y0, min(x1, width), min(y1, height)) for x0, y0, x1, y1 in boxes.tolist())

    def _touched(self, mask: Image) -> Cells:
        """Bool [rows, columns]: cells in which a pixel is masked."""
        width, height = self._size
        assert mask.shape == (height, width), f"{mask.shape = } of pictures of {width}x{height}"
        self._padded[:height, :width] = mask
        if self._margin:
            self._grow()
        rows, columns = self._left.shape
        # Eight pixels at a time: any of them is set where the whole word is not 0.
        words = self._padded.view(np.uint64).reshape(rows, self._cell, columns, self._cell // 8)
        touched: Cells = np.bitwise_or.reduce(np.bitwise_or.reduce(words, axis=1), axis=-1) != 0
        return touched

    def _grow(self) -> None:
        import cv2

        width, height = self._size
        inner = self._padded[:height, :width]
        side = 2 * self._margin + 1
        cv2.dilate(inner, np.ones((side, side), np.uint8), dst=inner)


def cover(cells: Cells, most: int) -> Boxes:
    """At most `most` boxes, in cells, that together hold all that are set: exactly those where it takes no more."""
    factor, coarse = 1, cells
    boxes = runs(cells)
    while len(boxes) > MANY * most:
        factor, coarse = 2 * factor, _halved(coarse)
        boxes = runs(coarse)
    rows, columns = cells.shape
    return merged(np.minimum(boxes * factor, (columns, rows, columns, rows)), most)


def runs(cells: Cells) -> Boxes:
    """Boxes that hold exactly the set cells: the runs of each row, those with the same ends merged downwards."""
    rows, columns = cells.shape
    framed = np.zeros((rows, columns + 2), np.int8)
    framed[:, 1:-1] = cells
    lines, ends = np.nonzero(np.diff(framed, axis=1))
    begun: dict[tuple[int, int], int] = {}  # the run's ends: the row in which its box begins
    found: list[tuple[int, int, int, int]] = []
    row_of = lines[::2].tolist()
    spans = list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))
    at = 0
    for row in range(rows + 1):
        here: dict[tuple[int, int], int] = {}
        while at < len(spans) and row_of[at] == row:
            here[spans[at]] = begun.pop(spans[at], row)
            at += 1
        found += [(x0, y0, x1, row) for (x0, x1), y0 in begun.items()]
        begun = here
    return np.array(found, np.int64).reshape(-1, 4)


def merged(boxes: Boxes, most: int) -> Boxes:
    """At most `most` boxes that hold all that `boxes` hold: the two whose common box adds least become one."""
    while len(boxes) > most:
        lower = np.minimum(boxes[:, None, :2], boxes[None, :, :2])
        upper = np.maximum(boxes[:, None, 2:], boxes[None, :, 2:])
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        added = np.prod(upper - lower, axis=2) - areas[:, None] - areas[None, :]
        np.fill_diagonal(added, np.iinfo(np.int64).max)
        one, other = np.unravel_index(int(added.argmin()), added.shape)
        union = np.concatenate([lower[one, other], upper[one, other]])
        inside = (boxes[:, :2] >= union[:2]).all(axis=1) & (boxes[:, 2:] <= union[2:]).all(axis=1)
        boxes = np.concatenate([boxes[~inside], union[None]])
    return boxes


def _halved(cells: Cells) -> Cells:
    """Two by two cells as one, set where any of them is."""
    rows, columns = cells.shape
    even = np.zeros((rows + rows % 2, columns + columns % 2), np.bool_)
    even[:rows, :columns] = cells
    halved: Cells = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).any(axis=(1, 3))
    return halved
