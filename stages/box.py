"""Box: a rectangle of pixels, and the smallest one around what is set in a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.frame import Image


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

    def grown(self, pixels: int, height: int, width: int) -> Box:
        """Larger by so many pixels on every side, but within a picture of that size."""
        left, top = max(0, self.x0 - pixels), max(0, self.y0 - pixels)
        return Box(left, top, min(width, self.x1 + pixels), min(height, self.y1 + pixels))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def of(self, picture: Image) -> Image:
        """The part of [H, W, ...] that the box covers, as a view."""
        return picture[self.slices]


def tight_box(mask: Image) -> Box | None:
    """The smallest box around all pixels of [H, W] that are not 0; None where there is none.

    `cv2.boundingRect` would do, but OpenCV 4.9 gives boxes that are too narrow for some narrow masks.
    """
    columns, rows = np.flatnonzero(mask.max(0)), np.flatnonzero(mask.max(1))
    if not len(columns):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
