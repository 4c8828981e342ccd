"""Ahead: who will be found soon is there already; walks back from the frames that follow to the present one.

Where a pipeline may wait (`delay`), a gap is closed from both its sides, and somebody has a mask before the detector
has noticed him for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Frame, Image, Table
from stages.tracking import match, shapes, stamps
from stages.tracking.crowd import Crowd
from stages.tracking.flow import Flow, Motion
from stages.tracking.pairing import NEAR, WIDER, sure
from stages.tracking.patches import Search

CLEAR = 0.5  # score that is believed at once; below it a second frame has to say the same
SAME = 0.3  # overlap of where somebody was walked back to with where one who is missed is held
KEPT = 64  # reduced pictures that are remembered, for not making them again for each frame that looks at them

Floats = NDArray[np.float64]


class Ahead:
    """Looks into `frame.later`. What it remembers between frames only saves time."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self._small: dict[int, Image] = {}
        self._flows: dict[int, Flow] = {}

    def add(self, frame: Frame, crowd: Crowd, shape: tuple[int, ...]) -> list[tuple[Image, Floats]]:
        """Begin tracks for who is found in a later frame and not in this one. Who is followed already, but not found
        now, is confirmed; how he looked from the other side is returned, as stamps with their rectangles."""
        beside = []
        for at, row in self._unexplained(frame, crowd):
            walked = self._walk_back(frame, at, row, shape)
            if walked is None:
                continue
            if self._confirmed(crowd, walked[1]):
                beside.append(walked[:2])
            else:
                self._begin(frame.later[at].found[row], crowd, *walked, steps=at + 1)
        for index in sorted(self._small)[:-KEPT]:
            self._small.pop(index)
            self._flows.pop(index, None)
        return beside

    def _unexplained(self, frame: Frame, crowd: Crowd) -> Iterator[tuple[int, int]]:
        """Which later frame, and which row of it: the first sight of each one who is not found now."""
        alive = crowd.alive()
        missed = crowd.of("missed", alive) if frame.looked else np.ones(len(alive))
        known = crowd.boxes([at for at, frames in zip(alive, missed, strict=True) if not frames])
        for ahead, later in enumerate(frame.later):
            rows = later.found[sure(later.found)] if later.looked else later.found[:0]
            boxes = rows["box"].astype(float)
            near = match.overlaps(match.swell(boxes, WIDER), match.swell(known, WIDER * (1 + ahead / 2)))
            known = np.concatenate((known, boxes))
            for row in np.flatnonzero(near.max(1, initial=0) < NEAR).tolist():
                if rows["score"][row] >= CLEAR or _again(rows[row], frame.later[ahead + 1 :]):
                    yield ahead, row

    def _walk_back(
        self, frame: Frame, ahead: int, row: int, shape: tuple[int, ...]
    ) -> tuple[Image, Floats, Floats] | None:
        """Stamp, rectangle and how far it is from there to here; None where it is not to be seen yet."""
        later = frame.later[ahead]
        tight = stamps.label_box(later.labels, row + 1, later.found["box"][row].astype(float))
        if tight is None:
            return None
        rect: Floats = np.array([tight.x0, tight.y0, tight.x1, tight.y1], float)
        stamp, way, step = stamps.press(later.labels, row + 1, tight, rect), np.zeros(2), np.zeros(2)
        for at in range(ahead, -1, -1):
            now, before = self._reduced(frame.later[at]), self._reduced(frame.later[at - 1] if at else frame)
            inside = shapes.pixels_of(stamps.core(stamp, rect), rect, self._motion)
            flow = self._flow(frame.later[at].index, now, before)
            starts = step, np.zeros(2), shapes.most_of(flow, inside)
            found = Search(now, before, leaving=True).follow(inside, starts)
            if found is None:
                return None
            step = found
            rect, way = rect + np.tile(step * self._motion.scale, 2), way + step * self._motion.scale
        return None if shapes.left(rect, shape) else (stamp, rect, way)

    def _confirmed(self, crowd: Crowd, rect: Floats) -> bool:
        """Whether that is one who is followed already; if he is held, he is held on."""
        alive = crowd.alive()
        if not alive:
            return False
        shares = match.overlaps(rect[None], crowd.of("rect", alive))[0]
        best = int(shares.argmax())
        if shares[best] >= SAME:
            crowd.trust(alive[best])
        return bool(shares[best] >= SAME)

    def _begin(self, row: np.void, crowd: Crowd, stamp: Image, rect: Floats, way: Floats, steps: int) -> None:
        here = row.copy()
        here["box"] = row["box"] + np.tile(way, 2)
        at = crowd.begin(here, float(row["score"]), -way / steps)
        if at is not None:
            np.copyto(crowd.stamp(at), stamp)
            crowd.rect(at)[:] = rect

    def _reduced(self, frame: Frame) -> Image:
        if frame.index not in self._small:
            self._small[frame.index] = np.empty(self._motion.size, np.uint8)
            self._motion.reduce(frame.image, self._small[frame.index])
        return self._small[frame.index]

    def _flow(self, index: int, now: Image, before: Image) -> Flow:
        if index not in self._flows:
            self._flows[index] = self._motion.between(now, before)
        return self._flows[index]


def _again(row: np.void, later: tuple[Frame, ...]) -> bool:
    """Whether that is surely found once more in one of these frames."""
    box: Floats = row["box"][None].astype(float)
    for ahead, frame in enumerate(later):
        rows: Table = frame.found[sure(frame.found)]
        near = match.overlaps(match.swell(box, WIDER * (1 + ahead / 2)), match.swell(rows["box"].astype(float), WIDER))
        if frame.looked and near.max(initial=0) >= NEAR:
            return True
    return False
