"""Finding a lost target again: by its class, its look, and where it can be by now; a wrong one is worse than none."""

from __future__ import annotations

import numpy as np

from stages.target import others
from stages.target.candidates import Candidate, Floats
from stages.target.looks import likeness
from stages.target.memory import FOLLOWED, Goal, Other
from stages.target.scene import Scene, centre, resemblance

SIMILAR, CERTAIN = 0.66, 0.78  # likeness that is enough near where it should be, and anywhere
SLIVER = 0.3  # area against the usual one below which too little is seen to be content with less than certain
MARGIN = 0.08  # by which it must be nearer to the target's look than to that of any other, far from there
SPREAD = 0.1  # of its size, by which the place where it can be grows with each frame
LARGEST, SMALLEST = 4.0, 0.12  # area against the usual one; when it comes out again it is seen in part
CHIEF = 0.3  # share of the first part's area above which another part will do to find the target by


def reach(goal: Goal) -> float:
    """Pixels of the small picture by which its centre may be away from where it is expected."""
    box = goal.parts[0].box
    size = float(np.hypot(*(box[2:] - box[:2])))
    return size * (0.6 + SPREAD * goal.lost)


def search_box(goal: Goal) -> Floats:
    """Where to look closely."""
    box = goal.box
    room = min(reach(goal) * 0.5, float((box[2:] - box[:2]).max()))
    return box + np.array([-room, -room, room, room], np.float32)


def find_again(at: int, goal: Goal, scene: Scene, candidates: list[Candidate]) -> bool:
    """Take up the best candidate that is plausible; `goal.lost` counts the frames until then."""
    goal.lost += 1
    usual = goal.parts[0].usual
    for number, part in enumerate(goal.parts):
        if part.usual < CHIEF * usual:
            continue
        weighed = [(_worth(at, number, goal, scene, one), one) for one in candidates]
        worth, best = max(weighed, key=lambda pair: pair[0], default=(0.0, None))
        if best is None or worth <= 0:
            continue
        away = centre(best.box) - centre(part.box)
        for other in goal.parts:
            other.box = other.box + np.tile(away, 2)
            other.shown = False
        part.shown, part.missed, part.box, part.area = True, 0, best.box, float(best.area)
        goal.state, goal.lost = FOLLOWED, 0
        scene.taken[at, number] = best
        return True
    return False


def _worth(at: int, number: int, goal: Goal, scene: Scene, one: Candidate) -> float:
    """How well it fits; 0 where it does not."""
    part = goal.parts[number]
    kin = scene.kinship(part.cls, one.cls)
    ratio = one.area / max(1.0, part.usual)
    if not kin or one.score < 0.2 or not SMALLEST < ratio < LARGEST or scene.is_taken(one, at):
        return 0.0
    known = [other for other in scene.others if not other.doubtful and other.seen > 2]
    theirs, other = others.overlap(one, [other for other in known if other.missed <= 3])
    if other is not None and theirs > 0.3:
        return 0.0
    own = resemblance(part, one.look)
    rival = _rival(one, known)
    away = float(np.hypot(*(centre(one.box) - centre(part.box)))) / reach(goal)
    near = away < 1
    if own < (SIMILAR if near and ratio > SLIVER else CERTAIN) or own < rival + (-0.05 if near else MARGIN):
        return 0.0
    return kin * (own + 0.15 * one.score + 0.3 * max(0.0, 1 - away))


def _rival(one: Candidate, known: list[Other]) -> float:
    """How much it looks like somebody who is not meant."""
    return max((likeness(one.look, other.look) for other in known if other.cls == one.cls), default=0.0)
