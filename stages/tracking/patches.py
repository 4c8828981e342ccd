"""Following a patch of a picture into the next one by comparing pixels; knows no object.

Dense flow blends the motion of a thing with that of what is around it, the more the smaller the thing. Its answer, and
where the thing would be at its former speed, are only the places at which the search begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

FEWEST = 12  # pixels that can be told from others
MARGIN = 48  # pixels by which a patch may move, and leave the picture
ENOUGH = 48  # levels: what differs by more differs
OUTSIDE = 12  # levels that a pixel counts where there is nothing to compare it with
OTHER = 24  # of mean difference: it is not to be seen there
STEPS = 16  # of a search, two pixels wide, then one

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Places = tuple[Indices, Indices]
"""Rows and columns of pixels."""
_RING = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)])


class Search:
    """Compares two pictures uint8 [h, w] of one size. With `leaving`, a patch may have left the picture altogether."""

    def __init__(self, one: Image, other: Image, *, leaving: bool = False) -> None:
        self._one, self._leaving = one, leaving
        sides = (MARGIN,) * 4
        self._other = cv2.copyMakeBorder(other, *sides, cv2.BORDER_REPLICATE).ravel().astype(np.int16)
        self._inside = cv2.copyMakeBorder(np.ones_like(one), *sides, cv2.BORDER_CONSTANT, value=0).ravel()
        self._width = one.shape[1] + 2 * MARGIN

    def follow(self, pixels: Places, starts: Sequence[Floats]) -> Floats | None:
        """How far (x y) what is shown in these pixels has moved; None where it is not to be seen."""
        y, x = pixels
        if len(y) < FEWEST:
            return None
        at, levels = (y + MARGIN) * self._width + x + MARGIN, self._one[y, x].astype(np.int16)
        places = np.clip(np.rint(np.array(starts)), 2 - MARGIN, MARGIN - 2).astype(np.intp)
        best = places[int(self._differences(at, levels, places).argmin())]
        for step in (2, 1):
            best = self._descend(at, levels, best, step)
        if float(self._differences(at, levels, best[None])[0]) > OTHER:
            return None
        moved: Floats = best + self._fraction(at, levels, best)
        return moved

    def _descend(self, at: Indices, levels: NDArray[np.int16], best: Indices, step: int) -> Indices:
        for _ in range(STEPS):
            around = np.clip(best + _RING * step, 1 - MARGIN, MARGIN - 1)
            least = int(self._differences(at, levels, around).argmin())
            if least == 0:
                break
            best = around[least]
        return best

    def _differences(self, at: Indices, levels: NDArray[np.int16], moves: Indices) -> Floats:
        """Mean difference for each move [N, 2]; what leaves the picture may agree a little."""
        there = at[None] + (moves[:, 1] * self._width + moves[:, 0])[:, None]
        off = np.minimum(np.abs(self._other[there] - levels), ENOUGH)
        weight = self._inside[there]
        counted, total = weight.sum(1, dtype=np.int64), (off * weight).sum(1, dtype=np.int64)
        if self._leaving:
            return (total + OUTSIDE * (len(at) - counted)) / len(at)  # type: ignore[no-any-return]
        return np.where(counted < FEWEST, ENOUGH, total / np.maximum(counted, 1))

    def _fraction(self, at: Indices, levels: NDArray[np.int16], best: Indices) -> Floats:
        """Where between pixels the least difference is: the vertex of a parabola in each axis."""
        middle, left, right, above, below = self._differences(at, levels, best + _RING[:5])
        rest = []
        for low, high in ((left, right), (above, below)):
            bend = low + high - 2 * middle
            rest.append(0.5 * (low - high) / bend if bend > 0 else 0.0)
        return np.clip(np.array(rest), -0.5, 0.5)
