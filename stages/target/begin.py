"""Beginning: from what the user pointed at to the parts of a target; owns what belongs to a box and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.errors import RunError
from stages.target.candidates import Candidate, Floats, box_area, iou, mask_iou, mask_share
from stages.target.memory import FOLLOWED, PARTS, THING, Goal, Part
from stages.target.scene import Scene
from stages.target.thumbs import thumb
from stages.target.wishes import Wish

INSIDE = 0.7  # share of something's mask that lies in the box: it belongs to it
SLOPPY = 0.3  # overlap with the box from which it is meant, though the box does not cover it
LEAST = 0.03  # of the box, or of the largest thing in it: what is smaller is not looked for by itself
FILLED = 0.1  # of the box: with less, something else was meant that no detector knows
SURE = 0.25  # score of what belongs to a target beside its chief part


def in_box(box: Floats, candidates: Sequence[Candidate]) -> list[Candidate]:
    """What was pointed at with a box of the small picture: the thing that fits it best, and what else is in it, as a
    rider's bicycle. Empty where there is nothing that fits."""
    meant = [
        one
        for one in candidates
        if one.score >= 0.1 and (one.share_in(_grown(box)) >= INSIDE or iou(one.box, box) >= SLOPPY)
        and one.area >= LEAST * box_area(box)
    ]  # fmt: skip
    if not meant:
        return []
    chief = max(meant, key=lambda one: min(one.score, 0.5) + 2 * iou(one.box, box))
    parts = [chief]
    for one in sorted(meant, key=lambda one: -one.score):
        if one.score < SURE or one.share_in(_grown(box)) < INSIDE or one.area < LEAST * chief.area:
            continue
        if all(mask_iou(one, other) < 0.5 and mask_share(one, other) < 0.8 for other in parts) and len(parts) < PARTS:
            parts.append(one)
    covered = sum(one.area for one in parts)
    return parts if covered >= FILLED * box_area(box) or iou(chief.box, box) >= 0.5 else []


def by_class(wish: Wish, cls: int, candidates: Sequence[Candidate], names: Sequence[str]) -> Candidate:
    """The so-many-th of a class. Raises RunError where there are not so many."""
    there = sorted((one for one in candidates if one.cls == cls and one.score >= SURE), key=lambda one: -one.score)
    if wish.number <= len(there):
        return there[wish.number - 1]
    seen: dict[str, int] = {}
    for one in candidates:
        if one.score >= SURE and one.cls < len(names):
            seen[names[one.cls]] = seen.get(names[one.cls], 0) + 1
    found = ", ".join(f"{count} {name}" for name, count in sorted(seen.items())) or "nothing"
    count = f"only {len(there)}" if there else "no"
    raise RunError(
        f"target {wish.text!r}: {count} {wish.name} in frame {wish.frame} (found: {found}); point at it with a box, "
        "x,y,w,h@frame, or name another frame"
    )


def start(at: int, goal: Goal, scene: Scene, parts: Sequence[Candidate]) -> None:
    """Fill in a goal that was waiting."""
    chief = parts[0]
    goal.parts = [
        Part(one.cls, one.box, float(one.area), float(one.area), one.score, one.look, one.look) for one in parts
    ]
    goal.velocity, goal.lost, goal.state = np.zeros(2, np.float32), 0, FOLLOWED
    if chief.cls == THING:
        goal.thumbs[:] = thumb(scene.sight.picture, chief.box)
    for number, one in enumerate(parts):
        scene.taken[at, number] = one


def _grown(box: Floats) -> Floats:
    """A tenth larger: people draw boxes by hand."""
    room = (box[2:] - box[:2]) * 0.1
    return np.concatenate((box[:2] - room, box[2:] + room))
