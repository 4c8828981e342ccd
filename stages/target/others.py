"""Others: follows those who are not meant and could be taken for a target, so that nobody jumps to them."""

from __future__ import annotations

import numpy as np

from stages.target.camera import Motion
from stages.target.candidates import Candidate, iou
from stages.target.looks import blend
from stages.target.memory import OTHERS, Other

GONE = 90  # frames after which one who is no more seen is forgotten
EXPECTED = 12  # frames for which he is expected where he was going
LEAST_SCORE = 0.25
SAME = 0.3  # overlap of boxes from which it is the same one


def moved(others: list[Other], motion: Motion) -> list[Other]:
    """Where they are to be expected now."""
    for other in others:
        box = motion.box(other.box)
        other.box = box + np.tile(other.velocity, 2)
        other.missed += 1
    return [other for other in others if other.missed <= GONE]


def overlap(candidate: Candidate, others: list[Other]) -> tuple[float, Other | None]:
    """The one of them that this candidate most probably is."""
    best = max(others, key=lambda other: iou(candidate.box, other.box), default=None)
    return (iou(candidate.box, best.box), best) if best is not None else (0.0, None)


def renewed(others: list[Other], seen: list[Candidate], *, doubtful: bool) -> list[Other]:
    """The same people after this picture; `seen` are candidates that no target has taken. `doubtful`: who is new now
    may be a target that is lost."""
    free = [other for other in others if other.missed <= EXPECTED]
    for candidate in sorted(seen, key=lambda one: -one.score):
        if candidate.score < LEAST_SCORE:
            continue
        best, other = overlap(candidate, free)
        if other is not None and best >= SAME:
            free.remove(other)
            _follow(other, candidate)
            other.doubtful = other.doubtful and doubtful
        else:
            others = sorted(others, key=lambda one: one.missed)[: OTHERS - 1]  # who was away for longest makes room
            still = np.zeros(2, np.float32)
            new = Other(candidate.cls, candidate.box, still, candidate.look, doubtful=doubtful)
            others = [*others, new]
    return others


def _follow(other: Other, candidate: Candidate) -> None:
    box = candidate.box
    expected, now = (other.box[:2] + other.box[2:]) / 2, (box[:2] + box[2:]) / 2
    other.velocity = other.velocity + (now - expected) * 0.4
    other.box, other.missed, other.cls = box, 0, candidate.cls
    other.seen = min(other.seen + 1, 10_000)
    other.look = blend(other.look, candidate.look, 0.1)
