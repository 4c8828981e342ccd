"""Ahead: who will be found soon is there already; walks back from the frames that follow to the present one.

Where a pipeline may wait (`delay`), a gap is closed from both its sides, and somebody has a mask before the detector
has noticed him for the first time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classes import IDENTITY
from pipeline.frame import Frame, Image, Table
from stages.tracking import match, shapes, stamps
from stages.tracking.crowd import Crowd
from stages.tracking.flow import Flow, Motion
from stages.tracking.pairing import NEAR, WIDER, sure
from stages.tracking.patches import Search

CLEAR = 0.5  # score that is believed at once; below it a second frame has to say the same
SAME = 0.3  # overlap of where somebody was walked back to with where one who is missed is held
BESIDE = 0.4  # overlap with one who goes on as another: more, and it is the same one, found twice
NOBODY = 0  # no track has this number
KEPT = 64  # reduced pictures that are remembered, for not making them again for each frame that looks at them

Floats = NDArray[np.float64]


class Ahead:
    """Looks into `frame.later`. What it remembers between frames only saves time."""

    def __init__(self, motion: Motion, *, everything: bool = False) -> None:
        """With `everything`, a single doubtful sight is believed, and what was hardly seen explains nobody: it may be
        of one who stands beside him."""
        self._motion, self._everything = motion, everything
        self._small: dict[int, Image] = {}
        self._flows: dict[int, Flow] = {}

    def add(
        self, frame: Frame, crowd: Crowd, shape: tuple[int, ...], weak: Collection[int] = ()
    ) -> list[tuple[int, Image, Floats]]:
        """Begin tracks for who is found in a later frame and not in this one. Who is followed already, but not found
        now, is confirmed; how he looked from the other side is returned: his track, a stamp and its rectangle; the
        same, as NOBODY, of who finds no place among those who are followed. `weak`: rows of the crowd's table of those
        who were hardly seen in this frame."""
        beside = []
        for at, row in self._unexplained(frame, crowd, weak if self._everything else frozenset()):
            walked = self._walk_back(frame, at, row, shape)
            if walked is None:
                continue
            track = self._confirmed(crowd, walked[1], int(frame.later[at].found[row]["cls"]))
            if track is not None:
                beside.append((track, *walked[:2]))
            elif not self._begin(frame.later[at].found[row], crowd, *walked, steps=at + 1):
                beside.append((NOBODY, *walked[:2]))
        for index in sorted(self._small)[:-KEPT]:
            self._small.pop(index)
            self._flows.pop(index, None)
        return beside

    def _unexplained(self, frame: Frame, crowd: Crowd, weak: Collection[int]) -> Iterator[tuple[int, int]]:
        """Which later frame, and which row of it: the first sight of each one who is not found now."""
        alive = crowd.alive()
        missed = crowd.of("missed", alive) if frame.looked else np.ones(len(alive))
        there = [at for at, frames in zip(alive, missed, strict=True) if not frames and at not in weak]
        known, kinds = crowd.boxes(there), crowd.of("cls", there)
        for ahead, later in enumerate(frame.later):
            rows = later.found[sure(later.found)] if later.looked else later.found[:0]
            boxes = rows["box"].astype(float)
            near = match.overlaps(match.swell(boxes, WIDER), match.swell(known, WIDER * (1 + ahead / 2)))
            near *= may_be(rows["cls"], kinds)
            same = dict(match.pairs(near, NEAR))
            for row, column in same.items():
                known[column] = boxes[row]
            other = np.array([row not in same for row in range(len(rows))], bool) & (near.max(1, initial=0) < BESIDE)
            known, kinds = np.concatenate((known, boxes[other])), np.concatenate((kinds, rows["cls"][other]))
            for row in np.flatnonzero(other).tolist():
                if self._everything or rows["score"][row] >= CLEAR or _again(rows[row], frame.later[ahead + 1 :]):
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

    def _confirmed(self, crowd: Crowd, rect: Floats, kind: int) -> int | None:
        """The track of one who is followed already and is that; if he is held, he is held on."""
        alive = crowd.alive()
        if not alive:
            return None
        shares = match.overlaps(rect[None], crowd.of("rect", alive))[0]
        shares *= may_be(np.array([kind]), crowd.of("cls", alive))[0]
        best = int(shares.argmax())
        if shares[best] < SAME:
            return None
        crowd.trust(alive[best])
        return int(crowd.of("id", [alive[best]])[0])

    def _begin(self, row: np.void, crowd: Crowd, stamp: Image, rect: Floats, way: Floats, steps: int) -> bool:
        """Whether there was a place for him."""
        here = row.copy()
        here["box"] = row["box"] + np.tile(way, 2)
        at = crowd.begin(here, float(row["score"]), -way / steps)
        if at is not None:
            np.copyto(crowd.stamp(at), stamp)
            crowd.rect(at)[:] = rect
        return at is not None

    def _reduced(self, frame: Frame) -> Image:
        if frame.index not in self._small:
            self._small[frame.index] = np.empty(self._motion.size, np.uint8)
            self._motion.reduce(frame.image, self._small[frame.index])
        return self._small[frame.index]

    def _flow(self, index: int, now: Image, before: Image) -> Flow:
        if index not in self._flows:
            self._flows[index] = self._motion.between(now, before)
        return self._flows[index]


def may_be(kinds: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of these classes [N] may be said of the same thing as which of those [M]: a detector takes a car for a
    lorry, but a face is never the person whose it is."""
    own = np.isin(kinds, IDENTITY)[:, None] | np.isin(others, IDENTITY)[None]
    return ~own | (kinds[:, None] == others[None])  # type: ignore[no-any-return]


def _again(row: np.void, later: tuple[Frame, ...]) -> bool:
    """Whether that is surely found once more in one of these frames."""
    box: Floats = row["box"][None].astype(float)
    for ahead, frame in enumerate(later):
        rows: Table = frame.found[sure(frame.found)]
        near = match.overlaps(match.swell(box, WIDER * (1 + ahead / 2)), match.swell(rows["box"].astype(float), WIDER))
        if frame.looked and near.max(initial=0) >= NEAR:
            return True
    return False
