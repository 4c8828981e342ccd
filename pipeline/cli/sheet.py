"""The contact sheet: how moments before and after are laid out on paper; knows no video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.frame import Image

GAP, MARGIN, HEADER, RAIL = 10, 28, 34, 34
PAPER, INK, FAINT = (250, 250, 250), (40, 40, 40), (130, 130, 130)


@dataclass(frozen=True)
class Moment:
    """A small copy of a pair, and when it is, in seconds."""

    before: Image
    after: Image
    seconds: float
    change: float


def draw_sheet(moments: list[Moment]) -> Image:
    """Columns of moments on light paper, times above them, `input` and `output` up the left side."""
    height, width, _ = moments[0].before.shape
    columns = len(moments)
    left = RAIL + MARGIN // 2
    shape = (HEADER + 2 * height + GAP + MARGIN, left + columns * width + (columns - 1) * GAP + MARGIN, 3)
    sheet = np.full(shape, PAPER, np.uint8)
    for column, moment in enumerate(moments):
        x = left + column * (width + GAP)
        sheet[HEADER : HEADER + height, x : x + width] = moment.before
        sheet[HEADER + height + GAP : HEADER + 2 * height + GAP, x : x + width] = moment.after
        _write(sheet, clock(moment.seconds), (x, HEADER - 10), FAINT)
    for row, word in enumerate(("input", "output")):
        _write_upwards(sheet, word, RAIL // 2 - 4, HEADER + row * (height + GAP) + height // 2)
    return sheet


def clock(seconds: float) -> str:
    """Minutes, seconds and tenths."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _write(sheet: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _write_upwards(sheet: Image, text: str, x: int, middle: int) -> None:
    """Write from bottom to top, centred on the row `middle`."""
    import cv2

    (length, tall), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    label = np.full((tall + below + 4, length + 4, 3), PAPER, np.uint8)
    cv2.putText(label, text, (2, tall + 2), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    turned = np.rot90(label)
    top = middle - turned.shape[0] // 2
    sheet[top : top + turned.shape[0], x : x + turned.shape[1]] = turned
