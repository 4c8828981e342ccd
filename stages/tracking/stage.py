"""Tracking: from what was found in each frame by itself to objects and a mask that go on in time."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import PrivateAttr

from pipeline.frame import OBJECT, Frame, FrameSpec, Layout, Table
from pipeline.stage import Transform, live
from stages.tracking import shapes, stamps
from stages.tracking.ahead import Ahead
from stages.tracking.crowd import Crowd
from stages.tracking.flow import Motion, changed_by, whole_motion
from stages.tracking.pairing import Pairs, at_border, pair, pieces, stirred, sure

HELD = 2  # in `flags`: nobody found it in this frame
DOUBT = 0.5  # evidence below this is worth no holding; from one more on all of it


class Tracking(Transform):
    """Gives every object a number and writes the union of their masks, also where one is not found for some frames.

    Masks move with what they show, and a limb that is missing in one frame stays. Somebody who was seen but once and
    hardly is not held. Without a detector's look (see `every` of segmentation) masks are moved on.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "found", "labels")
    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")
    stateful: ClassVar[bool] = True
    looks_ahead: ClassVar[bool] = True

    hold: float = live(
        default=1.0, ge=0, le=30, description="seconds for which what is no longer found stays masked and followed"
    )
    carry: int = live(
        default=1, ge=0, le=30, description="looks for which a limb stays in the mask after it was last found"
    )

    _motion: Motion = PrivateAttr()
    _ahead: Ahead = PrivateAttr()
    _rate: float = PrivateAttr(default=30.0)

    def memory(self, spec: FrameSpec) -> Layout:
        """Everybody who is followed; `small`: the last picture, reduced; `last`: 1 where there was one, its index."""
        return Crowd.memory() | {"small": (Motion(spec.height, spec.width).size, "u1"), "last": ((2,), "i8")}

    def setup(self, spec: FrameSpec) -> None:
        self._motion, self._rate = Motion(spec.height, spec.width), float(spec.rate)
        self._ahead = Ahead(self._motion)

    def process(self, frame: Frame) -> None:
        """Write `objects` and `mask`. Depends on nothing but the frame, its `before` and its `later`."""
        crowd, rows = Crowd(frame.before, frame.after), frame.found
        self._motion.reduce(frame.image, frame.after["small"])
        self._go_on(frame, crowd)
        found: Pairs = {}
        extra: Pairs = {}
        if frame.looked:
            expected = crowd.boxes(crowd.alive())
            found = pair(crowd, rows)
            extra = pieces(crowd, rows, found, expected)
            self._begin(frame, crowd, found, extra)
            for row, at in (*found.items(), *extra.items()):
                box = rows["box"][row].astype(float)
                shapes.renew(crowd, at, frame.labels, row + 1, box, self.carry if sure(rows)[row] else None)
        beside = self._ahead.add(frame, crowd, frame.mask.shape) if frame.later else []
        self._end(crowd, frame.mask.shape)
        self._write(frame, crowd, found, extra)
        for stamp, rect in beside:
            stamps.draw(stamp, rect, frame.mask)

    def _go_on(self, frame: Frame, crowd: Crowd) -> None:
        known, last = frame.before["last"].tolist()
        frame.after["last"][:] = 1, frame.index
        if not known or not crowd.alive():
            return
        was, now = frame.before["small"], frame.after["small"]
        flow = self._motion.between(was, now)
        if not self._motion.same_scene(was, now, flow):
            crowd.clear()
            return
        shapes.go_on(crowd, self._motion, was, now, flow, max(1, frame.index - last), frame.mask.shape)

    def _begin(self, frame: Frame, crowd: Crowd, found: Pairs, taken: Pairs) -> None:
        """Tracks for what was surely found and for who enters the picture, hardly seen as yet."""
        rows, is_sure = frame.found, sure(frame.found)
        entering = self._entering(frame, [n for n in np.flatnonzero(~is_sure).tolist() if n not in (*found, *taken)])
        for row in [*(n for n in np.flatnonzero(is_sure).tolist() if n not in found), *entering]:
            at = crowd.begin(rows[row], float(rows[row]["score"]) if is_sure[row] else 0.0)
            if at is not None:
                found[row] = at

    def _entering(self, frame: Frame, loose: list[int]) -> list[int]:
        """Those at the picture's edge where more stirs than elsewhere."""
        height, width = frame.mask.shape
        boxes = frame.found["box"].astype(float)
        near = [row for row in loose if at_border(boxes[row], width, height)]
        if not near or not frame.before["last"][0]:
            return []
        was, now = frame.before["small"], frame.after["small"]
        change = changed_by(was, now, whole_motion(self._motion.between(was, now)))
        return [row for row in near if stirred(change, boxes[row] / np.tile(self._motion.scale, 2))]

    def _end(self, crowd: Crowd, shape: tuple[int, ...]) -> None:
        """No longer follow those who were missed for too long for how well they were known, and those who left."""
        for at in crowd.alive():
            missed, evidence = (float(crowd.of(field, [at])[0]) for field in ("missed", "evidence"))
            if not missed:
                continue
            allowed = self.hold * self._rate * min(1.0, max(0.0, evidence - DOUBT))
            if missed > allowed or shapes.left(crowd.boxes([at])[0], shape) or shapes.left(crowd.rect(at), shape):
                crowd.end(at)

    def _write(self, frame: Frame, crowd: Crowd, found: Pairs, extra: Pairs) -> None:
        rows, row_of = frame.found, {at: row for row, at in found.items()}
        shown = np.zeros(256, np.uint8)
        shown[1 : len(rows) + 1] = np.where(sure(rows), 255, 0)
        shown[[row + 1 for row in (*found, *extra)]] = 255
        cv2.LUT(frame.labels, shown, dst=frame.mask)
        objects = []
        for at in crowd.alive():
            objects.append(_object(crowd, at, rows, row_of.get(at), frame.mask.shape))
            shapes.draw(crowd, at, at in row_of, frame.mask)
        for row in np.flatnonzero(sure(rows)).tolist():  # more than can be followed
            if row not in found:
                objects.append(rows[row].copy())
                objects[-1]["track"] = crowd.next_id()
        frame.put_objects(np.array(objects, OBJECT))


def _object(crowd: Crowd, at: int, rows: Table, row: int | None, shape: tuple[int, ...]) -> np.void:
    """A row of `objects`: what was found, or where somebody must be."""
    if row is not None:
        known: np.void = rows[row].copy()
    else:
        known = np.zeros(1, OBJECT)[0]
        known["cls"], known["score"] = crowd.of("cls", [at])[0], crowd.of("score", [at])[0]
        known["box"] = np.clip(crowd.boxes([at])[0], 0, np.array([shape[1], shape[0]] * 2))
        known["flags"], known["landmarks"] = HELD, np.nan
    known["track"] = crowd.of("id", [at])[0]
    return known
