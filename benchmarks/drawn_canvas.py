"""Canvas: soft drawing with a few shapes, for the pictures that are shipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import Box

FINER = 3  # times as fine as it will be: edges come out smooth
Colour = tuple[int, int, int]  # blue, green, red
At = tuple[float, float]
Pen = Callable[[Image, tuple[int, int]], None]
"""Draws with 255 into a stencil whose corner lies at that x and y of the canvas."""


class Canvas:
    """[h, w, 4], nothing of it to be seen at first; x, y and sizes in pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        size = height * FINER, width * FINER
        self._wide = np.zeros((*size, 4), np.uint8)
        self._ground = np.zeros(size, np.uint8)

    def picture(self) -> Image:
        """What was drawn so far, in its size."""
        height, width = (side // FINER for side in self._wide.shape[:2])
        share = self._wide[..., 3:].astype(np.float32) / 255
        sums = cv2.resize(self._wide[..., :3] * share, (width, height), interpolation=cv2.INTER_AREA)
        shares = cv2.resize(share, (width, height), interpolation=cv2.INTER_AREA)[..., None]
        return np.dstack((sums / np.maximum(shares, 1e-6), shares * 255)).round().astype(np.uint8)

    def oval(self, at: At, radii: At, colour: Colour, *, angle: float = 0, arc: At = (0, 360), soft: float = 0,
             ground: bool = False) -> None:  # fmt: skip
        """An ellipse, or the part of it from one angle to another, clockwise from three o'clock. `soft`: pixels of
        blur; `ground`: what is soft stays within this and other such ones."""

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            cv2.ellipse(stencil, _fine(at, corner), _fine(radii), angle, *arc, 255, -1, cv2.LINE_AA)

        self._ink(_around([at], max(radii)), pen, colour, soft, ground=ground)

    def curve(self, at: At, radii: At, arc: At, colour: Colour, thick: float, *, angle: float = 0,
              soft: float = 0) -> None:  # fmt: skip
        """A part of an ellipse's outline."""

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            wide = round(thick * FINER)
            cv2.ellipse(stencil, _fine(at, corner), _fine(radii), angle, *arc, 255, wide, cv2.LINE_AA)

        self._ink(_around([at], max(radii) + thick), pen, colour, soft)

    def shape(self, points: Sequence[At], colour: Colour) -> None:
        """What lies between these points."""

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            outline = np.array([_fine(point, corner) for point in points], np.int32)
            cv2.fillPoly(stencil, [outline], 255, cv2.LINE_AA)

        self._ink(_around(points, 1), pen, colour, 0)

    def line(self, points: Sequence[At], colour: Colour, thick: float) -> None:
        """From each point to the next."""

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            way = np.array([_fine(point, corner) for point in points], np.int32)
            cv2.polylines(stencil, [way], False, 255, round(thick * FINER), cv2.LINE_AA)

        self._ink(_around(points, thick), pen, colour, 0)

    def slab(self, left_top: At, right_bottom: At, radius: float, colour: Colour) -> None:
        """A rectangle with round corners."""

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            (x0, y0), (x1, y1), r = _fine(left_top, corner), _fine(right_bottom, corner), round(radius * FINER)
            cv2.rectangle(stencil, (x0 + r, y0), (x1 - r - 1, y1 - 1), 255, -1)
            cv2.rectangle(stencil, (x0, y0 + r), (x1 - 1, y1 - r - 1), 255, -1)
            for x in (x0 + r, x1 - r - 1):
                for y in (y0 + r, y1 - r - 1):
                    cv2.circle(stencil, (x, y), r, 255, -1, cv2.LINE_AA)

        self._ink(_around([left_top, right_bottom], 1), pen, colour, 0)

    def text(self, text: str, centre: At, high: float, wide: float, colour: Colour, thick: float) -> None:
        """One line of signs of that height around `centre`, as wide as is said."""
        font, bold = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(thick * FINER))
        scale = cv2.getFontScaleFromHeight(font, round(high * FINER), bold)
        (across, tall), _ = cv2.getTextSize(text, font, scale, bold)
        slip = np.zeros((tall + 2 * bold, across + 2 * bold), np.uint8)
        cv2.putText(slip, text, (bold, tall + bold // 2), font, scale, 255, bold, cv2.LINE_AA)
        rows, columns = np.flatnonzero(slip.max(1)), np.flatnonzero(slip.max(0))
        size = round(wide * FINER), round(high * FINER)
        ink = slip[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)

        def pen(stencil: Image, corner: tuple[int, int]) -> None:
            x, y = _fine((centre[0] - wide / 2, centre[1] - high / 2), corner)
            stencil[y : y + size[1], x : x + size[0]] = ink

        self._ink(_around([centre], max(wide, high) / 2 + 1), pen, colour, 0)

    def _ink(self, reach: Box, pen: Pen, colour: Colour, soft: float, *, ground: bool = False) -> None:
        """Only in `reach`: most of what is drawn is small."""
        box = reach.grown(round(3 * soft * FINER), *self._ground.shape)
        stencil = np.zeros(box.of(self._ground).shape, np.uint8)
        pen(stencil, (box.x0, box.y0))
        if soft:
            stencil = cv2.min(cv2.GaussianBlur(stencil, (0, 0), soft * FINER), box.of(self._ground))
        if ground:
            box.of(self._ground)[:] = cv2.max(box.of(self._ground), stencil)
        there = box.of(self._wide)
        share = stencil[..., None].astype(np.float32) / 255
        share[there[..., 3] == 0] = 1  # at the edge of all: nothing is below that could be mixed in
        mixed = there[..., :3] * (1 - share) + np.array(colour, np.float32) * share + 0.5
        seen = stencil > 0
        there[seen, :3] = mixed.astype(np.uint8)[seen]
        there[..., 3] = np.maximum(there[..., 3], stencil)


def _fine(at: At, corner: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    return round(at[0] * FINER) - corner[0], round(at[1] * FINER) - corner[1]


def _around(points: Sequence[At], room: float) -> Box:
    """Pixels of the canvas."""
    low, high = (choose(np.array(points), axis=0) for choose in (np.min, np.max))
    x0, y0 = (max(0, int((at - room) * FINER) - 2) for at in low)
    x1, y1 = (max(0, int((at + room) * FINER) + 3) for at in high)
    return Box(x0, y0, x1, y1)
