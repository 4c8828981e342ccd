"""Plates of no vehicle, drawn."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.drawn_canvas import At, Canvas, Colour
from pipeline.frame import Image

WHITE, YELLOW, BLACK = (244, 246, 246), (40, 200, 248), (24, 22, 22)
BLUE, GREEN, NAVY, STEEL = (150, 60, 10), (60, 110, 20), (110, 50, 20), (120, 120, 116)
WIDE, HIGH = 520, 110  # pixels: millimetres of a European plate


def _board(width: int, height: int, colour: Colour, edge: Colour = BLACK, *, rim: float = 3) -> Canvas:
    canvas = Canvas(width, height)
    canvas.slab((0, 0), (width, height), 12, edge)
    canvas.slab((rim, rim), (width - rim, height - rim), 10, colour)
    return canvas


def _band(canvas: Canvas, letters: str, *, left: bool = True) -> None:
    """The blue end of a European plate."""
    x = 4.0 if left else WIDE - 46.0
    canvas.slab((x, 4), (x + 42, HIGH - 4), 8, BLUE)
    _ring_of_dots(canvas, (x + 21, 36), 13)
    if letters:
        canvas.text(letters, (x + 21, 82), 22, 12 * len(letters) + 4, WHITE, 4)


def _ring_of_dots(canvas: Canvas, at: At, radius: float) -> None:
    for x, y in ((0, -1), (0.5, -0.87), (0.87, -0.5), (1, 0), (0.87, 0.5), (0.5, 0.87)):
        for side in (1, -1):
            canvas.oval((at[0] + side * x * radius, at[1] + side * y * radius), (2.2, 2.2), YELLOW)


def _european(colour: Colour) -> Image:
    canvas = _board(WIDE, HIGH, colour)
    _band(canvas, "X")
    canvas.text("PRIVACY", (284, 55), 68, 410, BLACK, 11)
    return canvas.picture()


def _british() -> Image:
    canvas = _board(WIDE, HIGH, YELLOW, STEEL, rim=2)
    canvas.text("PR1", (128, 55), 76, 160, BLACK, 13)
    canvas.text("VACY", (364, 55), 76, 250, BLACK, 13)
    return canvas.picture()


def _american() -> Image:
    canvas = _board(305, 152, WHITE, NAVY, rim=4)
    canvas.slab((8, 8), (297, 34), 6, NAVY)
    canvas.text("NOWHERE", (152, 21), 14, 120, WHITE, 2.4)
    canvas.text("PRIVACY", (152, 84), 66, 250, NAVY, 9)
    canvas.text("covered by software", (152, 138), 9, 140, STEEL, 1.4)
    for x in (22.0, 283.0):
        canvas.oval((x, 21), (5, 3), WHITE)
    return canvas.picture()


def _japanese() -> Image:
    canvas = _board(330, 165, WHITE, STEEL, rim=2)
    canvas.text("X  000", (165, 38), 34, 130, GREEN, 6)
    canvas.oval((36, 108), (11, 11), GREEN)
    canvas.oval((36, 108), (5, 5), WHITE)
    canvas.text("00-00", (186, 108), 80, 240, GREEN, 12)
    return canvas.picture()


def _korean() -> Image:
    canvas = _board(WIDE, HIGH, WHITE, BLACK)
    canvas.slab((4, 4), (44, HIGH - 4), 8, BLUE)
    _ring_of_dots(canvas, (24, 55), 11)
    canvas.text("000", (140, 55), 66, 150, BLACK, 11)
    canvas.line([(234, 34), (262, 34), (258, 58), (240, 76)], BLACK, 9)  # the syllable ga
    canvas.line([(276, 26), (276, 86)], BLACK, 9)
    canvas.line([(276, 54), (289, 54)], BLACK, 9)
    canvas.text("0000", (400, 55), 66, 190, BLACK, 11)
    return canvas.picture()


def _blank() -> Image:
    return _board(WIDE, HIGH, WHITE).picture()


DRAWN: dict[str, Callable[[], Image]] = {
    "eu": lambda: _european(WHITE),
    "eu-yellow": lambda: _european(YELLOW),
    "uk": _british,
    "us": _american,
    "jp": _japanese,
    "kr": _korean,
    "blank": _blank,
}
