"""What is remembered from frame to frame: who is followed, who else there is; as plain arrays that outlive a crash."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Layout
from stages.target.looks import SHAPE, Look

TARGETS, PARTS, OTHERS = 16, 4, 24  # at most: targets, things that make one up (a rider and a bicycle), others
THUMB = 40  # pixels of a remembered picture's side
WAITING, FOLLOWED, LOST = 0, 1, 2
THING = -1  # in place of a class: something that no detector knows

Floats = NDArray[np.float32]


def label(target: int, part: int) -> int:
    """What stands in a label map for that part of that target, 1 to 64."""
    return 1 + target * PARTS + part


@dataclass(eq=False)
class Part:
    """One thing of which a target consists. Boxes (x0 y0 x1 y1) and areas are in pixels of the small picture."""

    cls: int
    box: Floats
    area: float  # when last seen
    usual: float  # when nothing hides it
    score: float
    first: Look
    slow: Look  # follows the light
    missed: int = 0  # frames since a detector confirmed it
    shown: bool = True  # whether anything of it is in the mask


@dataclass(eq=False)
class Goal:
    """One target: where it is, or where it should be, and what it is made of; the first part is the chief one."""

    state: int = WAITING
    velocity: Floats = field(default_factory=lambda: np.zeros(2, np.float32))  # pixels per frame, against the ground
    lost: int = 0  # frames
    parts: list[Part] = field(default_factory=list)
    thumbs: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((2, THUMB, THUMB, 3), np.uint8))

    @property
    def box(self) -> Floats:
        """Around all of its parts that are shown; around all where none is."""
        boxes = np.stack([part.box for part in self.parts if part.shown] or [part.box for part in self.parts])
        return np.concatenate((boxes[:, :2].min(0), boxes[:, 2:].max(0)))


@dataclass(eq=False)
class Other:
    """Somebody who is not meant, and could be taken for a target."""

    cls: int
    box: Floats
    velocity: Floats
    look: Look
    seen: int = 1
    missed: int = 0
    doubtful: bool = False  # came while a target was lost: it may be that one


@dataclass(eq=False)
class State:
    """Everything but pictures; made anew from `before` for each frame, so that a frame can be done again."""

    goals: list[Goal]
    others: list[Other]
    frames: int = 0

    @staticmethod
    def layout() -> Layout:
        """Names, shapes and dtypes of the arrays it goes into."""
        return {
            "frames": ((1,), "i8"),
            "goals": ((TARGETS, 4), "f4"),
            "thumbs": ((TARGETS, 2, THUMB, THUMB, 3), "u1"),
            "parts": ((TARGETS, PARTS, 11), "f4"),
            "part_looks": ((TARGETS, PARTS, 2, *SHAPE), "f4"),
            "others": ((OTHERS, 11), "f4"),
            "other_looks": ((OTHERS, *SHAPE), "f4"),
        }

    @classmethod
    def read(cls, before: Arrays, targets: int) -> State:
        goals = []
        for at in range(targets):
            state, vx, vy, lost = before["goals"][at]
            parts = [
                _part(row, looks)
                for row, looks in zip(before["parts"][at], before["part_looks"][at], strict=True)
                if row[0]
            ]
            thumbs = np.array(before["thumbs"][at])
            goals.append(Goal(int(state), np.array([vx, vy], np.float32), int(lost), parts, thumbs))
        rows = zip(before["others"], before["other_looks"], strict=True)
        others = [_other(row, look) for row, look in rows if row[0]]
        return cls(goals, others, int(before["frames"][0]))

    def write(self, after: Arrays) -> None:
        """Leave all arrays of the layout complete."""
        after["frames"][0] = self.frames
        for name in ("goals", "thumbs", "parts", "part_looks", "others", "other_looks"):
            after[name][:] = 0
        for at, goal in enumerate(self.goals):
            after["goals"][at] = (goal.state, *goal.velocity, goal.lost)
            after["thumbs"][at] = goal.thumbs
            for number, part in enumerate(goal.parts):
                facts = (part.area, part.usual, part.score, part.missed, part.shown)
                after["parts"][at, number] = (1, part.cls, *part.box, *facts)
                after["part_looks"][at, number] = (part.first, part.slow)
        for at, other in enumerate(self.others[:OTHERS]):
            story = (other.seen, other.missed, other.doubtful)
            after["others"][at] = (1, other.cls, *other.box, *other.velocity, *story)
            after["other_looks"][at] = other.look


def _part(row: Floats, looks: NDArray[np.float32]) -> Part:
    area, usual, score, missed, shown = map(float, row[6:11])
    first, slow = looks.copy()
    return Part(int(row[1]), row[2:6].copy(), area, usual, score, first, slow, int(missed), bool(shown))


def _other(row: Floats, look: Look) -> Other:
    seen, missed, doubtful = map(int, row[8:11])
    return Other(int(row[1]), row[2:6].copy(), row[6:8].copy(), look.copy(), seen, missed, bool(doubtful))
