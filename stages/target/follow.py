"""Following one target from one picture to the next: which candidates are its parts, and what is held without any."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.target import others
from stages.target.candidates import Candidate, Floats, from_mask, iou, joined, mask_share, within
from stages.target.looks import blend
from stages.target.memory import FOLLOWED, LOST, PARTS, TARGETS, Goal, Part, label
from stages.target.scene import Scene, box_of, centre, resemblance

NEAR, FAR = 0.3, 0.1  # overlap with where it is expected that is enough, and with which the look must speak for it too
FAMILIAR, STRANGE = 0.75, 0.45  # likeness that speaks for a candidate, and below which it is somebody else
LARGER = 1.8  # times the area that it had or usually has: more is somebody else, or it and what is behind it
REJOINED = 0.55  # likeness of a part that comes back
HELD = 0.45  # likeness that what is only carried on must keep
STRAYED = 0.35  # of its size, by which it may be beside its own way: else it clings to what hides the target
REMNANT = 0.1  # share of the usual area below which nothing is left to hold
WHOLE = 0.75  # share of it above which nothing hides the target


def follow(at: int, goal: Goal, scene: Scene, candidates: list[Candidate]) -> None:
    """Update `goal`, whose boxes stand where they are expected, and put what it is now into `scene.taken`."""
    expected, moves = centre(goal.box), []
    for number, part in enumerate(goal.parts):
        if not part.shown:
            continue
        found = _match(at, number, goal, scene, candidates)
        if found is not None:
            if found.area >= WHOLE * part.usual:  # what is half hidden seems to be slower than it is
                moves.append(centre(found.box) - centre(part.box))
            _confirm(part, found)
        else:
            found = _held(at, number, part, scene)
        part.shown = found is not None
        if found is not None:
            scene.taken[at, number] = found
    hidden = [part for part in goal.parts if not part.shown]
    if hidden and len(hidden) < len(goal.parts):
        for part in hidden:
            part.box = part.box + np.tile(centre(goal.box) - expected, 2)
            part.missed += 1
        rejoin(at, goal, scene, candidates)
    if not any(part.shown for part in goal.parts):
        goal.state, goal.lost = LOST, 0
        for part in goal.parts:
            part.box = _whole(part)
        return
    goal.state = FOLLOWED
    if moves:
        goal.velocity = goal.velocity + np.mean(moves, axis=0, dtype=np.float32) * np.float32(0.25)


def _whole(part: Part) -> Floats:
    """Its box as large as it is when nothing hides it: of what was seen last there may have been little."""
    half = (part.box[2:] - part.box[:2]) / 2 * np.float32(np.clip(np.sqrt(part.usual / max(1.0, part.area)), 1, 4))
    middle = centre(part.box)
    return np.concatenate((middle - half, middle + half))


def rejoin(at: int, goal: Goal, scene: Scene, candidates: list[Candidate]) -> None:
    """Add to a target that has just been found what belongs to it."""
    for number, part in enumerate(goal.parts):
        if not part.shown and (found := _rejoin(at, part, scene, candidates)) is not None:
            _confirm(part, found)
            part.shown = True
            scene.taken[at, number] = found


def _match(at: int, number: int, goal: Goal, scene: Scene, candidates: list[Candidate]) -> Candidate | None:
    """The candidate that goes on with this part, with the pieces into which something in front may have cut it."""
    part, carried = goal.parts[number], scene.carried_part(at, number)
    area, box = int(np.count_nonzero(carried)), box_of(carried)
    expected = box if box is not None and area > 0.2 * part.area else part.box
    best, value = None, 0.0
    for one in candidates:
        kin = scene.kinship(part.cls, one.cls)
        if not kin or scene.is_taken(one, at) or _claimed(at, number, scene, one):
            continue
        common = one.common(carried)
        overlap = max(common / max(1, one.area + area - common), 0.9 * iou(one.box, expected))
        if part.missed:
            overlap = max(overlap, 0.9 * iou(one.box, part.box))
        if _somebody_else(one, overlap, scene):
            continue
        likeness = resemblance(part, one.look)
        if (
            one.area > LARGER * max(part.area, part.usual)
            or likeness < STRANGE
            or overlap < FAR
            or (overlap < NEAR and (likeness < FAMILIAR or one.score < 0.3))
        ):
            continue
        if (worth := kin * (overlap + 0.4 * likeness + 0.2 * one.score)) > value:
            best, value = one, worth
    return best and _with_pieces(best, part, scene, candidates, carried)


def _somebody_else(one: Candidate, overlap: float, scene: Scene) -> bool:
    """Whether it is rather one of the others, who is where he was expected."""
    theirs, other = others.overlap(one, [other for other in scene.others if other.missed <= 3 and other.seen > 2])
    return other is not None and not other.doubtful and theirs > overlap + 0.15


def _claimed(at: int, number: int, scene: Scene, one: Candidate) -> bool:
    """Whether another target covers more of it."""
    counts = np.bincount(within(scene.carried, one.patch)[one.patch.mask > 0], minlength=label(TARGETS, 0))
    of_targets = counts[1:].reshape(TARGETS, PARTS)
    rivals = np.delete(of_targets, at, axis=0)
    return bool(rivals.max() > of_targets[at, number])


def _with_pieces(best: Candidate, part: Part, scene: Scene, candidates: list[Candidate], carried: Image) -> Candidate:
    """A tree in front makes two of one: what else of its class lies where it is expected belongs to it."""
    near = cv2.dilate(carried, np.ones((9, 9), np.uint8))
    pieces = [
        one
        for one in candidates
        if one is not best and one.cls == best.cls and one.score >= 0.15 and one.area < best.area
        and one.common(near) > 0.7 * one.area and mask_share(one, best) < 0.3
        and resemblance(part, one.look) >= STRANGE and not _somebody_else(one, 0.3, scene)
    ]  # fmt: skip
    return union([best, *pieces]) if pieces else best


def union(pieces: list[Candidate]) -> Candidate:
    """Several candidates as one."""
    first = pieces[0]
    fine, patch = (joined([getattr(one, kind) for one in pieces]) for kind in ("fine", "patch"))
    boxes = np.stack([one.box for one in pieces])
    box = np.concatenate((boxes[:, :2].min(0), boxes[:, 2:].max(0)))
    return Candidate(first.cls, first.score, box, fine, patch, first.sight)


def _rejoin(at: int, part: Part, scene: Scene, candidates: list[Candidate]) -> Candidate | None:
    """A part that was hidden, and is seen again where it should be beside those that are not."""
    room = np.tile((part.box[2:] - part.box[:2]) * 0.4, 2) * np.array([-1, -1, 1, 1], np.float32)
    mine = [one for (owner, _), one in scene.taken.items() if owner == at]
    fitting = [
        (likeness, one)
        for one in candidates
        if scene.kinship(part.cls, one.cls) and one.score >= 0.2 and one.area < LARGER * part.usual
        and one.share_in(part.box + room) > 0.7
        and not scene.is_taken(one, at) and not _somebody_else(one, 0.2, scene)
        and all(mask_share(one, other) < 0.5 for other in mine)
        and (likeness := resemblance(part, one.look)) >= REJOINED
    ]  # fmt: skip
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _confirm(part: Part, found: Candidate) -> None:
    """Take over what a detector says; learn its look where it is seen well."""
    part.missed, part.score, part.box, part.area = 0, found.score, found.box, float(found.area)
    part.usual += (part.area - part.usual) * (0.3 if part.area > part.usual else 0.05)
    if part.area >= WHOLE * part.usual and found.score >= 0.5:
        part.slow = blend(part.slow, found.look, 0.08)


def _held(at: int, number: int, part: Part, scene: Scene) -> Candidate | None:
    """What was carried on of a part that no detector sees: for a while, and as long as it looks like it."""
    part.missed += 1
    carried = cv2.medianBlur(scene.carried_part(at, number), 3)
    if part.missed > scene.hold or np.count_nonzero(carried) < REMNANT * part.usual:
        return None
    held = from_mask(scene.sight.small.enlarge(carried), part.cls, scene.sight)
    if held is None or resemblance(part, held.look) < HELD:
        return None
    strayed = float(np.hypot(*(centre(held.box) - centre(part.box))))
    if strayed > STRAYED * float((part.box[2:] - part.box[:2]).mean()):
        return None
    part.area = float(held.area)
    return held
