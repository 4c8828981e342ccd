"""Gate: tells pictures from what only looks like one: half grey, torn, black for long, frozen, noise."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

COLUMNS = 32  # of which all rows are looked at
BAND = 16  # a band of one colour is at least this part of the height
BELONGS_S = 10.0  # a band that begins at the same row for so long is part of the picture
BLACK = 20  # levels, at most, in a picture without any
BLACK_S = 2.0  # a fade is shorter
SEAM = 24  # levels between one row and the next, and by as much less around it
ACROSS = 0.66  # of the width
SEAM_LASTS = 3  # pictures after which a seam at the same row, or near it, is part of the picture
NEAR = 16  # so small a part of the height an edge may move on from one picture to the next
UNLIKE = 50  # levels by which neighbours differ in noise, on average; those of a camera at night do by 10


class Gate:
    """Judges the pictures of one live source, uint8 [H, W, 3] BGR, in the order in which they come.

    It looks at COLUMNS columns and keeps no more than those of one picture. `frozen`: seconds after which pictures that
    are alike to the bit are none any more (a sensor's noise never repeats; a drawing, a screen and what an encoder
    skips may stand still for ever, so it is off unless asked for). `black`: the same for pictures without light.
    """

    def __init__(
        self,
        height: int,
        width: int,
        *,
        frozen: float | None = None,
        black: float | None = BLACK_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        step = max(1, width // COLUMNS)
        self._columns = slice(step // 2, None, step)
        self._least_band = max(2, height // BAND)
        self._frozen, self._black = frozen, black
        self._clock = clock
        self._before: NDArray[np.uint8] | None = None
        self._alike_since = self._black_since = self._band_since = 0.0
        self._dark = False
        self._band = -1  # the row where it began
        self._seam, self._seen = -1, 0  # its row, and in how many pictures in a row
        self._whole: NDArray[np.int16] | None = None  # the last picture that was one

    def judge(self, image: Image) -> str | None:
        """Why this is no picture: "frozen", "black", "band", "torn" or "noise"; None where it is one."""
        now = self._clock()
        green = np.ascontiguousarray(image[:, self._columns, 1])
        alike = self._before is not None and np.array_equal(green, self._before)
        if not alike:
            self._alike_since = now
        self._before = green
        if alike and self._frozen is not None and now - self._alike_since > self._frozen:
            return "frozen"
        return self._lightless(image, green, now) or self._banded(image, green, now) or self._rough(green)

    def _lightless(self, image: Image, green: NDArray[np.uint8], now: float) -> str | None:
        dark = int(green.max()) <= BLACK and int(image[:, self._columns].max()) <= BLACK
        if dark and not self._dark:
            self._black_since = now
        self._dark = dark
        return "black" if dark and self._black is not None and now - self._black_since > self._black else None

    def _banded(self, image: Image, green: NDArray[np.uint8], now: float) -> str | None:
        row = first_of_band(green)
        if len(green) - row < self._least_band or not _undecoded(image[row:, self._columns]):
            self._band = -1
            return None
        if row != self._band:
            self._band, self._band_since = row, now
        return "band" if now - self._band_since <= BELONGS_S else None

    def _rough(self, green: NDArray[np.uint8]) -> str | None:
        """Torn or noise: how much each row differs from the next one tells."""
        rows = green.astype(np.int16)
        steps = np.abs(rows[1:] - rows[:-1])
        if len(steps) and float(steps.mean()) > UNLIKE and _unlike(rows, steps):
            return "noise"
        row = seam_of(rows, steps)
        if row is not None and (self._whole is None or _had_edge(self._whole, row)):
            row = None  # the scene's own
        near = row is not None and self._seam >= 0 and abs(row - self._seam) <= len(rows) // NEAR
        self._seen = 0 if row is None else self._seen + 1 if near else 1
        self._seam = -1 if row is None else row
        if 0 < self._seen <= SEAM_LASTS:
            return "torn"
        self._whole = rows
        return None


def first_of_band(green: NDArray[np.uint8]) -> int:
    """The row from which on all of [H, N] is one level; H where there is none."""
    level = int(green[-1, 0])
    if not (green[-1] == level).all():  # as a rule: then there is nothing to count
        return len(green)
    others = np.flatnonzero((np.abs(green.astype(np.int16) - level) > 1).any(axis=1))
    return int(others[-1]) + 1 if len(others) else 0


def _undecoded(band: Image) -> bool:
    """Whether it has the one colour that a decoder leaves where it decoded nothing.

    Grey is a coefficient of zero; green is a sample of zero in YUV, by BT.601 or BT.709."""
    least, most = band.min(axis=(0, 1)), band.max(axis=(0, 1))
    if int((most - least).max()) > 2:
        return False
    grey = least.min() >= 124 and most.max() <= 134
    return bool(grey or (most[0] <= 2 and most[2] <= 2 and 70 <= most[1] <= 160))


def _unlike(rows: NDArray[np.int16], steps: NDArray[np.int16]) -> bool:
    """Whether a row is hardly more like the next one than like one far away."""
    far = np.abs(rows - np.roll(rows, len(rows) // 2, axis=0)).mean()
    return bool(steps.mean() > 0.8 * far)


def _had_edge(rows: NDArray[np.int16], row: int) -> bool:
    """Whether there was an edge all over the width, at this row or the next to it: then it is the scene's own."""
    near = rows[row - 2 : row + 2]
    return bool(np.median(np.abs(near[1:] - near[:-1]), axis=1).max() > SEAM / 2)


def seam_of(rows: NDArray[np.int16], steps: NDArray[np.int16]) -> int | None:
    """The row over which one picture ends and another begins, all over the width at once; None where there is none.

    `steps` [H - 1, N] is by how much `rows` [H, N] change. The edge of a bar of one colour is no seam.
    """
    large = (steps >= SEAM).sum(axis=1, dtype=np.uint8)
    found = np.flatnonzero(large > steps.shape[1] * ACROSS)
    found = found[(found >= 4) & (found < len(steps) - 4)]
    if not 0 < len(found) <= 4:  # as a rule none; many are texture
        return None
    row = int(found[0])
    middle = np.median(steps[row - 4 : row + 5], axis=1)
    if middle[4] - max(middle[:4].max(), middle[5:].max()) < SEAM:
        return None
    flat = min(float(rows[row - 3 : row + 1].std()), float(rows[row + 1 : row + 5].std())) < 4
    return None if flat else row + 1
