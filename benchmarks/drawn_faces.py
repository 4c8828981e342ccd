"""Portraits: drawn faces of nobody, to be shown in the place of real ones; each with its five landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.drawn_canvas import Canvas, Colour
from pipeline.frame import Image

SIZE = 256  # pixels of a portrait's side
EYES, BROWS, NOSE, MOUTH, CHIN = 122.0, 104.0, 154.0, 182.0, 222.0  # y of each
MIDDLE, APART, CORNERS = 128.0, 28.0, 21.0  # x: of the face, from it to an eye, to a corner of the mouth
FACE = (63.0, 40.0, 193.0, 222.0)  # x0 y0 x1 y1: forehead to chin, as a detector would box it
LANDMARKS = np.array(
    [(MIDDLE - APART, EYES), (MIDDLE + APART, EYES), (MIDDLE, NOSE), (MIDDLE - CORNERS, MOUTH),
     (MIDDLE + CORNERS, MOUTH)], np.float32,
)  # fmt: skip
"""x y of the eyes, the nose's tip and the corners of the mouth, that on the picture's left first."""

WHITE, INK, LIP = (238, 240, 242), (36, 34, 40), (96, 92, 176)


@dataclass(frozen=True)
class Looks:
    """What tells one drawn face from another."""

    skin: Colour
    hair: Colour
    iris: Colour
    style: str  # short, long, bald, bob, curly
    beard: bool = False
    glasses: bool = False
    broad: float = 1.0  # of the jaw


CAST = (
    Looks((160, 188, 226), (44, 62, 92), (120, 96, 60), "short"),
    Looks((120, 158, 208), (24, 26, 34), (40, 56, 84), "long", broad=0.95),
    Looks((78, 108, 158), (22, 22, 26), (30, 40, 58), "curly", broad=1.03),
    Looks((168, 198, 234), (110, 168, 214), (130, 120, 70), "bob", broad=0.94),
    Looks((142, 176, 220), (150, 152, 156), (110, 110, 86), "bald", beard=True, broad=1.06),
    Looks((98, 134, 186), (30, 32, 40), (32, 46, 66), "short", glasses=True),
)


def portrait(looks: Looks) -> Image:
    """uint8 [SIZE, SIZE, 4], with its landmarks at LANDMARKS."""
    canvas = Canvas(SIZE, SIZE)
    _behind(canvas, looks)
    _head(canvas, looks)
    for side in (-1.0, 1.0):
        _eye(canvas, looks, side)
    _nose_and_mouth(canvas, looks)
    _before(canvas, looks)
    return canvas.picture()


def _behind(canvas: Canvas, looks: Looks) -> None:
    """The hair behind the head, the neck, the ears."""
    if looks.style == "long":
        canvas.oval((MIDDLE, 118), (86, 92), looks.hair)
        canvas.slab((44, 110), (212, 256), 26, looks.hair)
    elif looks.style == "bob":
        canvas.oval((MIDDLE, 112), (84, 84), looks.hair)
        canvas.slab((46, 104), (210, 204), 26, looks.hair)
    elif looks.style == "curly":
        for x, y, r in ((70, 80, 34), (92, 46, 36), (128, 34, 38), (164, 46, 36), (186, 80, 34), (60, 112, 26),
                        (196, 112, 26)):  # fmt: skip
            canvas.oval((x, y), (r, r), looks.hair)
    neck = _mixed(looks.skin, INK, 0.22)
    canvas.slab((96, 196), (160, 256), 6, neck)
    for side in (-1, 1):
        canvas.oval((MIDDLE + side * 64, 132), (11, 19), _mixed(looks.skin, LIP, 0.12))


def _head(canvas: Canvas, looks: Looks) -> None:
    """Skull and jaw, lit from the upper left."""
    jaw = 54 * looks.broad
    canvas.oval((MIDDLE, 112), (64, 76), looks.skin, ground=True)
    canvas.oval((MIDDLE, 154), (jaw + 4, CHIN - 154), looks.skin, ground=True)
    canvas.oval((MIDDLE, 196), (jaw * 0.62, CHIN - 194), looks.skin, ground=True)
    shade, glow = _mixed(looks.skin, INK, 0.3), _mixed(looks.skin, WHITE, 0.3)
    canvas.oval((196, 150), (16, 66), shade, soft=11)
    canvas.oval((58, 160), (8, 50), _mixed(looks.skin, INK, 0.18), soft=8)
    canvas.oval((MIDDLE, 228), (44, 10), shade, soft=7)
    canvas.oval((112, 80), (30, 18), glow, soft=14)
    for side in (-1, 1):
        canvas.oval((MIDDLE + side * 36, 160), (13, 10), _mixed(looks.skin, LIP, 0.3), soft=8)
        canvas.oval((MIDDLE + side * APART, EYES - 2), (20, 12), _mixed(looks.skin, INK, 0.16), soft=5)


def _eye(canvas: Canvas, looks: Looks, side: float) -> None:
    x = MIDDLE + side * APART
    canvas.oval((x, EYES), (13.5, 7.2), WHITE)
    canvas.oval((x, EYES - 0.4), (6.6, 6.8), looks.iris)
    canvas.oval((x, EYES - 0.4), (3.0, 3.2), INK)
    canvas.oval((x - 2.2, EYES - 2.8), (1.6, 1.5), WHITE)
    canvas.curve((x, EYES + 1.2), (14.6, 9.6), (188, 352), INK, 2.6)
    canvas.curve((x, EYES), (14, 8.4), (20, 160), _mixed(looks.skin, INK, 0.35), 1.1)
    canvas.curve((x, EYES - 3), (15.5, 10.5), (200, 340), _mixed(looks.skin, INK, 0.3), 1.1)
    brow = _mixed(looks.hair, INK, 0.45)
    canvas.curve((x + side * 1.5, BROWS + 9), (19, 11), (205, 335), brow, 4.6, angle=side * 4)


def _nose_and_mouth(canvas: Canvas, looks: Looks) -> None:
    shade = _mixed(looks.skin, INK, 0.32)
    canvas.oval((MIDDLE + 7, 138), (3.4, 20), shade, soft=3)
    canvas.oval((MIDDLE - 2, 140), (3.4, 18), _mixed(looks.skin, WHITE, 0.3), soft=3)
    canvas.curve((MIDDLE, NOSE + 1), (11, 7.5), (25, 155), shade, 2.2)
    for side in (-1, 1):
        canvas.oval((MIDDLE + side * 5.6, NOSE + 5.6), (2.9, 1.7), _mixed(looks.skin, INK, 0.6), angle=side * -12)
    if looks.beard:
        _beard(canvas, looks)
    lip = _mixed(looks.skin, LIP, 0.7)
    canvas.oval((MIDDLE, MOUTH + 1), (CORNERS - 1, 8.6), lip, arc=(0, 180))
    canvas.oval((MIDDLE - 8, MOUTH), (13, 4.8), _mixed(lip, INK, 0.12), arc=(180, 360))
    canvas.oval((MIDDLE + 8, MOUTH), (13, 4.8), _mixed(lip, INK, 0.12), arc=(180, 360))
    canvas.curve((MIDDLE, MOUTH - 4), (CORNERS + 2, 6), (20, 160), _mixed(lip, INK, 0.6), 1.7)
    canvas.oval((MIDDLE - 3, MOUTH + 5), (9, 1.6), _mixed(lip, WHITE, 0.4), soft=1.4)
    canvas.oval((MIDDLE, MOUTH + 14), (14, 3), shade, soft=3)


def _beard(canvas: Canvas, looks: Looks) -> None:
    jaw = 54 * looks.broad
    canvas.curve((MIDDLE, 158), (jaw - 2, 58), (12, 168), looks.hair, 16)
    canvas.oval((MIDDLE, 206), (jaw * 0.6, 18), looks.hair)
    canvas.curve((MIDDLE, MOUTH - 2), (CORNERS + 6, 11), (190, 350), looks.hair, 7)


def _before(canvas: Canvas, looks: Looks) -> None:
    """The hair over the forehead, and glasses."""
    if looks.style in ("short", "curly"):
        canvas.oval((MIDDLE, 82), (68, 54), looks.hair, arc=(180, 360))
        canvas.shape([(60, 82), (62, 118), (70, 112), (76, 86), (108, 70), (150, 74), (180, 86), (186, 112),
                      (194, 118), (196, 82)], looks.hair)  # fmt: skip
        canvas.curve((MIDDLE, 84), (54, 42), (215, 325), _mixed(looks.hair, WHITE, 0.12), 3, soft=3)
    elif looks.style in ("long", "bob"):
        canvas.oval((MIDDLE, 80), (72, 54), looks.hair, arc=(180, 360))
        canvas.shape([(56, 80), (54, 140), (66, 150), (72, 104), (104, 78), (150, 64), (184, 100), (190, 150),
                      (202, 140), (200, 80)], looks.hair)  # fmt: skip
        canvas.curve((120, 84), (56, 42), (205, 320), _mixed(looks.hair, WHITE, 0.2), 4, soft=4)
    else:
        canvas.oval((104, 62), (26, 10), _mixed(looks.skin, WHITE, 0.4), soft=8)
    if looks.glasses:
        for side in (-1, 1):
            canvas.curve((MIDDLE + side * APART, EYES + 1), (21, 17), (0, 360), INK, 2.8)
        canvas.curve((MIDDLE, EYES), (8, 5), (190, 350), INK, 2.8)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return blue, green, red
