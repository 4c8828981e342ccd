"""Field: where each pixel of a box lies in another picture, from points that were followed there: a homography and
what the points around add to it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box
from stages.inpainting.motion import Homography, Points, fit, moved

CELL = 4  # pixels of the grid on which the points' remainders are spread
SPREAD, SPREADS = 2, 5  # cells over which a point's remainder is spread at first, and how often that is doubled
NEARNESS = 3  # the power with which a spread counts less the wider it is: the far points say what the near ones cannot
LOOSE = 2.0  # pixels by which a point may miss the homography: not all of the scene is one plane
OUTLIER = 6.0  # pixels: what misses it by more moves by itself

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Field:
    """`x` and `y`: for each pixel of a box its place in the other picture, float32 [h, w]."""

    x: Grid
    y: Grid

    def take(self, picture: Image, interpolation: int = cv2.INTER_CUBIC) -> Image:
        """The pixels of a picture at these places; its edge goes on where it ends."""
        return cv2.remap(picture, self.x, self.y, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]

    def inside(self, height: int, width: int) -> NDArray[np.bool_]:
        """Which places lie in a picture of that size."""
        return (self.x >= 0) & (self.y >= 0) & (self.x <= width - 1) & (self.y <= height - 1)


def field(box: Box, points: Points, there: Points) -> Field | None:
    """From pairs of points, in pixels of the two pictures; None where they do not agree on a homography."""
    found = fit(points, there, LOOSE)
    if found is None:
        return None
    homography = found[0]
    remainder = there - moved(homography, points)
    close = np.abs(remainder).max(1) < OUTLIER
    extra = _spread(
        points[close] - np.array((box.x0, box.y0), np.float32), remainder[close], box.y1 - box.y0, box.x1 - box.x0
    )
    x, y = _plane(homography, box)
    return Field(x + extra[..., 0], y + extra[..., 1])


def _plane(homography: Homography, box: Box) -> tuple[Grid, Grid]:
    x = np.arange(box.x0, box.x1, dtype=np.float32)[None]
    y = np.arange(box.y0, box.y1, dtype=np.float32)[:, None]
    rows = homography.astype(np.float32)
    across, down, depth = (row[0] * x + row[1] * y + row[2] for row in rows)
    return across / depth, down / depth


def _spread(points: Points, values: Points, height: int, width: int) -> Grid:
    """Values [N, 2] at points within a box of that size, spread over all its pixels: float32 [height, width, 2]."""
    rows, columns = -(-height // CELL), -(-width // CELL)
    cells = np.rint((points + 0.5) / CELL - 0.5).astype(np.intp)
    inside = ((cells >= 0) & (cells < (columns, rows))).all(1)
    grid = np.zeros((rows, columns, 3), np.float32)
    weighed = np.column_stack((values, np.ones(len(values), np.float32)))[inside]
    np.add.at(grid, (cells[inside, 1], cells[inside, 0]), weighed)
    total = cv2.GaussianBlur(grid, (0, 0), SPREAD)
    for doubling in range(1, SPREADS):
        grid = cv2.resize(grid, (max(1, grid.shape[1] // 2), max(1, grid.shape[0] // 2)), interpolation=cv2.INTER_AREA)
        wide = cv2.resize(cv2.GaussianBlur(grid, (0, 0), SPREAD), (columns, rows), interpolation=cv2.INTER_LINEAR)
        total += wide / 2 ** (NEARNESS * doubling)
    smooth = total[..., :2] / (total[..., 2:] + np.float32(1e-9))
    return cv2.resize(smooth, (columns * CELL, rows * CELL), interpolation=cv2.INTER_LINEAR)[:height, :width]  # type: ignore[no-any-return]
