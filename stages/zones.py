"""Zones: parts of the picture that are masked always, or never, whatever is found in them; knows no detector."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import AfterValidator, Field, PrivateAttr

from pipeline.frame import MAX_SPARED, Frame, Image, Table
from pipeline.stage import Transform, live
from stages.box import Box, tight_box

MOST_POINTS = 64  # of one zone
MOST_IN_ALL = 500  # points of a list: with four decimals both lists fit into one message to a worker
FINE = 4  # binary digits of a pixel to which OpenCV is told where a corner is


def _not_too_many(zones: list[list[list[float]]]) -> list[list[list[float]]]:
    count = sum(map(len, zones))
    if count > MOST_IN_ALL:
        raise ValueError(f"{count} points are too many: {MOST_IN_ALL} in all zones together can be sent")
    return zones


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Point = Annotated[list[Share], Field(min_length=2, max_length=2)]
Zone = Annotated[list[Point], Field(min_length=3, max_length=MOST_POINTS)]
Zones = Annotated[list[Zone], Field(max_length=MAX_SPARED), AfterValidator(_not_too_many)]
"""Each a list of its corners [x, y], as shares of the picture's width and height."""


def fingerprint(*parts: Any) -> int:
    """32 bits, others for other parts: what `Frame.choice` says. Nothing is lost where two are alike by chance, but
    that the plate goes on showing what it knew."""
    return zlib.crc32(json.dumps(parts).encode())


@dataclass(frozen=True)
class _Drawn:
    """The zones as pixels of one frame size, in the part of the picture where there are any."""

    of: tuple[Zones, Zones, tuple[int, ...]]
    number: int
    box: Box | None
    keep: Image  # 0 in what is spared, else 255
    hide: Image  # 255 in what is hidden, else 0
    spared: list[tuple[int, int, int, int]]


class Zoned(Transform):
    """A transform that writes `objects` and `mask`, and leaves the last word to the user."""

    hide: Zones = live(
        default=[],
        description="zones that are always masked, each a list of 3 to 64 corners [x, y] from 0, 0 (top left) to 1, 1;"
        " where they meet zones that are spared, they win",
    )
    spare: Zones = live(default=[], description="zones that are never masked, whoever walks into them, given likewise")

    _drawn: _Drawn | None = PrivateAttr(default=None)

    def conclude(self, frame: Frame, rows: Table, said: int = 0) -> None:
        """Bring the zones into the frame's mask, which must be complete, growth included; and write its `objects`.

        `said`: another number whenever it was newly said what is to be removed, apart from the zones."""
        if not (self.hide or self.spare):
            self._drawn = None
            frame.put_objects(rows, choice=said)
            return
        drawn = self._drawn
        known = drawn is not None and drawn.of[0] is self.hide and drawn.of[1] is self.spare  # replaced, never changed
        if drawn is None or not known or drawn.of[2] != frame.mask.shape:
            drawn = self._drawn = _draw(self.hide, self.spare, frame.mask.shape)
        if drawn.box is not None:
            view = drawn.box.of(frame.mask)
            cv2.bitwise_and(view, drawn.keep, dst=view)
            cv2.bitwise_or(view, drawn.hide, dst=view)
        frame.put_objects(rows, choice=fingerprint(said, drawn.number), spared=drawn.spared)


def _draw(hide: Zones, spare: Zones, shape: tuple[int, ...]) -> _Drawn:
    hidden, spared, boxes = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), []
    for zone in spare:
        alone = np.zeros(shape, np.uint8)
        _fill(zone, alone)
        cv2.bitwise_or(spared, alone, dst=spared)
        tight = tight_box(alone)
        if tight is not None:
            boxes.append((tight.x0, tight.y0, tight.x1, tight.y1))
    for zone in hide:
        _enclose(zone, hidden)
    box = tight_box(hidden | spared)
    keep, hidden = (np.ascontiguousarray(box.of(plane)) if box else plane[:0] for plane in (~spared, hidden))
    return _Drawn((hide, spare, shape), fingerprint(hide, spare), box, keep, hidden, boxes)


def _fill(zone: Zone, out: Image) -> None:
    """Set to 255 what lies within the line around a zone, and every pixel that the line touches. What lies within it
    twice, as where it crosses itself, lies outside."""
    height, width = out.shape
    corners = np.array(zone) * (width, height) - 0.5  # the middle of the first pixel is at 0
    cv2.fillPoly(out, [np.rint(corners * (1 << FINE)).astype(np.int32)], 255, shift=FINE)


def _enclose(zone: Zone, out: Image) -> None:
    """The same, but set everything that no way leads out of: what is to be hidden is not seen through a crossing."""
    alone = np.zeros_like(out)
    _fill(zone, alone)
    outlines, _ = cv2.findContours(alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(out, outlines, -1, 255, cv2.FILLED)
