"""Following a patch of a picture into the next one by comparing pixels; knows no object.

Dense flow blends the motion of a thing with that of what is around it, the more the smaller the thing. Its answer, and
where the thing would be at its former speed, are only the places at which the search begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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


class _Patch(NamedTuple):
    """Pixels: where they lie among those of a picture with its margin, their levels, and how far they may move before
    one of them leaves the picture."""

    at: Indices
    levels: NDArray[np.int16]
    room: int


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
        height, width = self._one.shape
        room = min(y.min(), x.min(), height - 1 - y.max(), width - 1 - x.max())
        patch = _Patch((y + MARGIN) * self._width + x + MARGIN, self._one[y, x].astype(np.int16), int(room))
        places = np.clip(np.rint(np.array(starts)), 2 - MARGIN, MARGIN - 2).astype(np.intp)
        best = places[int(self._differences(patch, places).argmin())]
        best, _ = self._descend(patch, best, 2)
        best, around = self._descend(patch, best, 1)
        if around[0] > OTHER:
            return None
        moved: Floats = best + _fraction(*around[:5].tolist())
        return moved

    def _descend(self, patch: _Patch, best: Indices, step: int) -> tuple[Indices, Floats]:
        """Where the difference is least, and how much it is there and on the ring around it."""
        ring = _RING * step
        for left in reversed(range(STEPS + 1)):
            around = np.clip(best + ring, 1 - MARGIN, MARGIN - 1)
            differences = self._differences(patch, around)
            least = int(differences.argmin())
            if least == 0 or not left:
                break
            best = around[least]
        return best, differences

    def _differences(self, patch: _Patch, moves: Indices) -> Floats:
        """Mean difference for each move [N, 2]; what leaves the picture may agree a little."""
        there = patch.at + (moves[:, 1] * self._width + moves[:, 0])[:, None]
        off = np.minimum(np.abs(self._other.take(there) - patch.levels), ENOUGH)
        if np.abs(moves).max() <= patch.room:
            return off.mean(1)  # type: ignore[no-any-return]
        weight = self._inside.take(there)
        counted, total = weight.sum(1, dtype=np.int64), (off * weight).sum(1, dtype=np.int64)
        if self._leaving:
            return (total + OUTSIDE * (len(patch.at) - counted)) / len(patch.at)  # type: ignore[no-any-return]
        return np.where(counted < FEWEST, ENOUGH, total / np.maximum(counted, 1))


def _fraction(middle: float, left: float, right: float, above: float, below: float) -> Floats:
    """Where between pixels the least difference is: the vertex of a parabola in each axis."""
    rest = []
    for low, high in ((left, right), (above, below)):
        bend = low + high - 2 * middle
        rest.append(max(-0.5, min(0.5, 0.5 * (low - high) / bend)) if bend > 0 else 0.0)
    return np.array(rest)
