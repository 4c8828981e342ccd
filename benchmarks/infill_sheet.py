"""The contact sheet of `infill`: a crop of each held-out picture with its hole, as every way fills it, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.infill_cases import Case
from benchmarks.infill_ways import NAMES
from benchmarks.scenarios_sheet import GAP, INK, PAPER, small, write_picture
from models.base import Image

CELL, HEAD, QUALITY = 200, 18, 80
LEFT_OUT = ("telea-reduced",)  # so near to another one that it would only take room

Row = tuple[Case, dict[str, Image]]
"""A crop, and as each way has filled it."""


def write_sheet(path: Path, rows: Sequence[Row]) -> None:
    """A JPEG; each row is a crop: with its hole, as each way fills it, the truth. Raises OSError, RunError."""
    picture = sheet(rows)
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # colour is halved
    write_picture(np.ascontiguousarray(even), path, QUALITY)


def sheet(rows: Sequence[Row]) -> Image:
    """uint8 [h, w, 3] BGR."""
    names = [name for name in NAMES if name in rows[0][1] and name not in LEFT_OUT]
    lines = [_head(["hole", *names, "truth"])]
    for case, filled in rows:
        cells = [case.image, *(filled[name] for name in names), case.truth]
        lines.append(np.hstack([small(cell, CELL) for cell in cells]))
    return np.vstack(lines)


def _head(words: Sequence[str]) -> Image:
    head = np.full((HEAD, len(words) * (CELL + GAP), 3), PAPER, np.uint8)
    for number, word in enumerate(words):
        at = (number * (CELL + GAP) + 2, HEAD - 5)
        cv2.putText(head, word, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return head
