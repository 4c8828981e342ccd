"""Trial: whether raw pictures can be of the size and format that was agreed on; bare rawvideo does not say.

A sender of another size gives pictures that are slanted or roll: people still see people in them, detectors do not. So
nothing that has any structure passes before it has been seen that its rows lie upon each other, and that the second
picture begins where it should. What is flat may pass: there is nothing in it, in whatever shape. The order of the
colours cannot be told: `rgb24` shows blue faces.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.ingest.tcp_rows import Rows, rows_of

FLAT = 16  # levels, at most, between the darkest and the brightest of a picture in which there is nothing
LEAST = 0.05  # likeness of rows; that of noise is a tenth of it
CLEAR = 0.2  # likeness that proves another shape
AS_GOOD = 0.98  # a pattern is as like itself somewhere else
CONTRARY = 3  # pictures in a row that speak against the agreed shape
UNCLEAR = 90  # pictures, at most, that speak neither for it nor against it
COLUMNS = 16
AROUND = 4  # rows
RUN = 32

Verdict = Literal["flat", "fits", "unclear", "misfit"]
FORMATS = {1: "yuv420p, nv12 or gray", 2: "yuyv422 or rgb565", 3: "bgr24", 4: "bgra or rgba"}


class Trial:
    """Judges the first pictures of one sender, uint8 [H, W, 3], until it is proven or refused.

    `proven`: nothing more need be looked at. `refused`: why it cannot be, and what to tell FFmpeg; empty until then."""

    def __init__(self, width: int, height: int) -> None:
        self.proven = False
        self.refused = ""
        self._width, self._height = width, height
        self._agreed = f"{width}x{height} bgr24"
        self._contrary = self._unclear = 0
        self._suspicion = ""

    def look(self, image: Image) -> Verdict:
        """What one picture tells. One that `fits` proves nothing yet: the next one must begin where it ends."""
        if _is_flat(image):
            return "flat"
        rows = rows_of(image, self._width * 3)
        wanted = self._width * 3
        grey = rows.length == wanted and rows.pixel == 1
        # Two rows are never more alike than one: then what is agreed on is several rows of something else.
        several = rows.length < wanted and wanted % rows.length == 0 and rows.at_wanted < 0.995 * rows.likeness
        if rows.likeness >= CLEAR and (grey or several):
            return self._against(self._told(rows))
        if rows.at_wanted >= LEAST and rows.at_wanted >= AS_GOOD * rows.likeness:
            return "fits"
        if rows.length % wanted == 0 and rows.at_wanted >= max(LEAST, 0.7 * rows.likeness):
            return "fits"  # interlaced, or a pattern: the row after the next one is more alike
        if rows.likeness >= CLEAR and rows.at_wanted < 0.95 * rows.likeness:
            return self._against(self._told(rows))
        return self._undecided()

    def follow(self, first: Image, second: Image) -> bool:
        """Whether `second` is the picture after `first`, of which `look` said that it fits. It proves the sender."""
        found = _height_of(first, second, sure=not self._contrary)
        if found is None:
            self.proven = True
            return True
        size = f"its pictures seem to be {self._width}x{found}" if found else "a picture does not begin where it should"
        self._against(f"{size}: tell FFmpeg -s {self._width}x{self._height}")
        return False

    def ended(self) -> None:
        """Nothing more comes from this sender: a suspicion is all that there will be."""
        if not self.proven and self._suspicion:
            self.refused = self.refused or self._suspicion

    def _against(self, why: str) -> Verdict:
        self._contrary += 1
        self._suspicion = f"what comes is not {self._agreed}; {why}"
        if self._contrary >= CONTRARY:
            self.refused = self._suspicion
        return "misfit"

    def _undecided(self) -> Verdict:
        self._unclear += 1
        self._suspicion = self._suspicion or (
            f"what comes does not look like {self._agreed}, as its rows are unlike each other; "
            f"tell FFmpeg -s {self._width}x{self._height} -pix_fmt bgr24"
        )
        if self._unclear >= UNCLEAR:
            self.refused = self._suspicion
        return "unclear"

    def _told(self, rows: Rows) -> str:
        """What it seems to be, and the flags that change it."""
        pixel, width = _shape(rows, self._width)
        seen = f"its rows seem to be {width} pixels of {FORMATS[pixel]}"
        flags = [f"-s {self._width}x{self._height}"] if width != self._width else []
        flags += ["-pix_fmt bgr24"] if pixel != 3 else []
        return f"{seen}: tell FFmpeg {' '.join(flags)}"


def _shape(rows: Rows, agreed: int) -> tuple[int, int]:
    """Bytes of a pixel and pixels of a row: of the agreed width, if that can be."""
    pixel = rows.pixel if rows.pixel and rows.length % rows.pixel == 0 else 0
    if rows.length == agreed and pixel != 3:
        return 1, agreed  # also where colours lie in pairs behind the luma, as in nv12
    if not pixel:
        pixel = next((of for of in (2, 4) if rows.length == of * agreed), 3 if rows.length % 3 == 0 else 1)
    return pixel, rows.length // pixel


def _is_flat(image: Image) -> bool:
    """Whether nothing is in it but noise: means over RUN pixels of a row, of which one in a thousand may be anything.

    Where rows end has no part in it, as that is the question."""
    runs = image.reshape(-1)[: image.size // (3 * RUN) * 3 * RUN].reshape(-1, RUN, 3)[::4]
    low, high = np.percentile(runs.mean(axis=1, dtype=np.float32), (0.1, 99.9), axis=0)
    return bool((high - low).max() <= FLAT)


def _height_of(first: Image, second: Image, *, sure: bool) -> int | None:
    """None where the pictures follow each other as they should; else the height that they seem to have, 0: unknown.

    Pictures that follow each other are alike: what stands in a row comes again after a whole picture. Where they are
    not, as after a cut, there must be a seam between them (enough only if nothing has spoken against it: `sure`).
    """
    height = first.shape[0]
    rows = np.concatenate([_signature(first), _signature(second)])
    apart = _distances(rows, least=max(8, height // 4), overlap=max(8, height // 8))
    steps = np.abs(np.diff(rows, axis=0)).mean(axis=1)
    usual = float(np.nanmedian(apart))
    if usual - float(np.nanmin(apart)) < 1:
        return None  # all rows are the same, or noise: nothing tells
    minima = [lag for lag in _minima(apart) if apart[lag] <= 0.6 * usual]
    best = min(minima, key=lambda lag: apart[lag], default=0)
    near = apart[best] + 0.25 * apart[best] + 0.5 if best else 0.0
    parts = [lag for lag in minima if lag < height and height % lag == 0 and apart[lag] <= near and _seam(steps, lag)]
    if parts:
        return parts[0]
    if apart[height] > 0.6 * usual:
        return None if sure and _seam(steps, height) else best
    if best in (0, height):
        return None
    if apart[height] > near and abs(best - height) > height // 16:
        return best
    # A camera that tilts is off by some rows as well: then the one place where everything changes at once tells.
    around = [lag for lag in range(best - AROUND, best + AROUND + 1) if lag != height]
    edge = max(around, key=lambda lag: float(steps[lag - 1]))
    if steps[edge - 1] > 1.5 * np.sort(steps)[-4] and steps[edge - 1] > 2 * steps[height - 1]:
        return edge
    return None if sure else best


def _signature(image: Image) -> NDArray[np.float32]:
    """[H, N]: the mean colours of COLUMNS parts of each row."""
    height, width = image.shape[:2]
    part = max(1, width // COLUMNS)
    step = max(1, part // 16)
    kept = image[:, : part * COLUMNS : step].astype(np.float32)
    count = kept.shape[1] // COLUMNS
    means: NDArray[np.float32] = kept[:, : count * COLUMNS].reshape(height, COLUMNS, count, 3).mean(axis=2)
    return means.reshape(height, -1)


def _distances(rows: NDArray[np.float32], *, least: int, overlap: int) -> NDArray[np.float64]:
    """By distance in rows, how many levels rows so far apart differ by; NaN where it is not looked at."""
    apart = np.full(len(rows), np.nan)
    for lag in range(least, len(rows) - overlap):
        apart[lag] = np.abs(rows[lag:] - rows[:-lag]).mean()
    return apart[: len(rows) - overlap]


def _minima(apart: NDArray[np.float64]) -> list[int]:
    """Where it is less than all around."""
    padded = np.pad(apart, AROUND, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1)
    whole = ~np.isnan(around).any(axis=1)
    return [int(lag) for lag in np.flatnonzero(whole & (apart <= np.where(whole, around.min(axis=1), 0)))]


def _seam(steps: NDArray[np.float32], at: int) -> bool:
    """Whether the picture changes at once before the row `at`; `steps`: by how much each row differs from the next."""
    return bool(steps[at - 1] > max(3 * float(np.median(steps)), 1.0))
