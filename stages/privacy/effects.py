"""Effects: what is shown in the place of somebody; made from a few numbers, so that nothing else can be got back.

An effect never draws from the picture itself. It gets the averages of a few cells, rounded: a frame can hold no more
than those, however it is sharpened. Cells go with their object and lie a little elsewhere on it in each frame, so that
many frames together tell more than one: to whom that matters, solid tells nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import Box

# Faces are told apart from about 16 cells across by people (Harmon 1973; Bachmann 1991), and by networks still from
# about 6, where they know who may be there (McPherson, Shokri, Shmatikov: Defeating Image Obfuscation with Deep
# Learning, 2016). A plate is longer than it is high and holds 6 to 8 signs: with so few cells, none has one of its own.
MOST_CELLS = 5  # along the longer side of an object
LEVELS = 16  # of each colour of an average: what lies between two of them is not told
AROUND = 0.5  # of an object's sides: what is masked within that distance of its box is part of it
EDGE = 2  # pixels from the picture's edge: who reaches it may be larger than what is seen


def reach(box: Image, size: tuple[int, ...], around: float = AROUND) -> Box:
    """The part of a picture of [height, width] in which what is masked belongs to the object in `box` (x0 y0 x1 y1)."""
    x0, y0, x1, y1 = (float(at) for at in box)
    wide, high = around * (x1 - x0), around * (y1 - y0)
    left, top = max(0, int(x0 - wide)), max(0, int(y0 - high))
    return Box(left, top, max(left, min(size[1], int(x1 + wide) + 1)), max(top, min(size[0], int(y1 + high) + 1)))


def cell(box: Image, cells: int, size: tuple[int, ...]) -> int:
    """Pixels of a cell's side, such that the object has at most so many of them along its longer side. Of one at the
    picture's edge only a part may be seen: it gets cells twice as large."""
    x0, y0, x1, y1 = (float(at) for at in box)
    cut = x0 <= EDGE or y0 <= EDGE or x1 >= size[1] - EDGE or y1 >= size[0] - EDGE
    return max(1, -(-int(np.ceil(max(x1 - x0, y1 - y0))) // cells)) * (2 if cut else 1)


def averages(part: Image, side: int) -> Image:
    """uint8 [h, w, 3] of the cells of that many pixels in [H, W, 3], with LEVELS levels."""
    height, width = part.shape[:2]
    count = max(1, width // side), max(1, height // side)
    means = cv2.resize(part, count, interpolation=cv2.INTER_AREA)
    step = np.uint8(256 // LEVELS)
    return means // step * step + step // np.uint8(2)  # type: ignore[no-any-return]


def drawn(means: Image, height: int, width: int, *, smooth: bool) -> Image:
    """The averages over [height, width]: as cells, or as smoothly as they go."""
    how = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    return cv2.resize(means, (width, height), interpolation=how)  # type: ignore[no-any-return]


def own_colour(track: int) -> tuple[int, int, int]:
    """Blue, green, red: one that the eye tells from those of the tracks before and after."""
    hue = np.uint8(track * 67 % 180)  # 67 and 180 share no factor: all hues come up before one comes again
    pixel = cv2.cvtColor(np.array([[[hue, 140, 190]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])
