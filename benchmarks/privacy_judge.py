"""What was covered of what had to be, face by face and frame by frame, and what was covered besides; runs nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from benchmarks.privacy_clips import Place
from pipeline.frame import Image

CHANGED = 12  # levels of 255 by which a pixel has to differ: no codec at these rates changes a surface so much
ENOUGH = 0.95  # of what lies within a face's box
RIM = 8  # one so-many-th of a box's sides is left out at each: the boxes are good to about 3 pixels
FAR = 2  # sides of a face within which nothing counts as covered in vain
SIZES = 16, 24, 32, 48  # pixels of a face's width in the picture, at which the slices part

Bits = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Sight:
    """Somebody who has to be covered, in one frame: how wide the face is in pixels, how much of it is covered."""

    who: int
    frame: int
    wide: float
    share: float

    @property
    def covered(self) -> bool:
        """Whether so little is left that the rest may be the drawn box's error."""
        return self.share >= ENOUGH


@dataclass(frozen=True)
class Outcome:
    """A clip as it came out: who had to be covered, and of each frame the share that changed far from everybody."""

    sights: Sequence[Sight]
    far: Sequence[float]
    rate: float


def judge(before: Iterable[Image], after: Iterable[Image], truth: Sequence[Sequence[Place]], rate: float) -> Outcome:
    """Compare both, frame by frame; a frame that did not come out shows nobody, one of another size is scaled first."""
    sights: list[Sight] = []
    far: list[float] = []
    for index, (old, new, places) in enumerate(zip(before, after, truth, strict=False)):
        changed = differs(old, new)
        sights += _sights(index, places, changed)
        far.append(_elsewhere(changed, places))
    return Outcome(sights, far, rate)


def differs(old: Image, new: Image) -> Bits:
    """Where a picture is no longer what it was, [H, W]; of two sizes the first one's."""
    if new.shape != old.shape:
        new = cv2.resize(new, old.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    found: Bits = cv2.absdiff(old, new).max(axis=2) > CHANGED
    return found


def inner(box: Sequence[float], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a box in a picture of that height and width, without its rim."""
    x0, y0, x1, y1 = (max(0, int(at)) for at in box)
    wide, high = x1 - x0, y1 - y0
    return slice(y0 + high // RIM, min(shape[0], y1 - high // RIM)), slice(
        x0 + wide // RIM, min(shape[1], x1 - wide // RIM)
    )


def _sights(index: int, places: Sequence[Place], changed: Bits) -> Iterator[Sight]:
    for place in places:
        part = changed[inner(place.box, changed.shape)]
        if place.must and part.size:
            yield Sight(place.who, index, place.box[2] - place.box[0], float(part.mean()))


def _elsewhere(changed: Bits, places: Sequence[Place]) -> float:
    """The share of the picture far from everybody, drawn or not so well seen, that changed; 0 where nothing is far."""
    near = np.zeros(changed.shape, bool)
    for place in places:
        x0, y0, x1, y1 = (int(at) for at in place.box)
        wide, high = x1 - x0, y1 - y0
        near[max(0, y0 - FAR * high) : y1 + FAR * high, max(0, x0 - FAR * wide) : x1 + FAR * wide] = True
    return float(changed[~near].mean()) if not near.all() else 0.0


def figures(outcome: Outcome) -> dict[str, Any]:
    """What a table says of a clip. Times are in ms of the clip."""
    seen = outcome.sights
    runs = {who: leaks(of_one) for who, of_one in by_person(seen).items()}
    every = [run for found in runs.values() for run in found]
    first = [first_exposure(of_one) for of_one in by_person(seen).values()]
    return {
        "seen": len(seen),
        "covered": sum(one.covered for one in seen),
        "recall": round(sum(one.covered for one in seen) / max(1, len(seen)), 4),
        "exposed_frames": round(_exposed(seen), 4),
        "people": len(runs),
        "people_leaked": sum(bool(found) for found in runs.values()),
        "longest_leak_ms": round(1000 * max(every, default=0) / outcome.rate),
        "first_exposure_ms": round(1000 * max(first, default=0) / outcome.rate),
        "far_share": round(float(np.mean(outcome.far)) if outcome.far else 0.0, 5),
        "by_width": slices(seen),
    }


def by_person(seen: Sequence[Sight]) -> dict[int, list[Sight]]:
    """Each person's sights, as the clip shows them."""
    found: dict[int, list[Sight]] = defaultdict(list)
    for one in seen:
        found[one.who].append(one)
    return dict(found)


def leaks(of_one: Sequence[Sight]) -> list[int]:
    """How many frames each stretch lasts in which one person shows; a frame in which he need not be covered ends it."""
    found: list[int] = []
    last = -2
    for one in of_one:
        if one.covered:
            continue
        if one.frame == last + 1:
            found[-1] += 1
        else:
            found.append(1)
        last = one.frame
    return found


def first_exposure(of_one: Sequence[Sight]) -> int:
    """Frames for which a person shows before being covered for the first time."""
    return next((at for at, one in enumerate(of_one) if one.covered), len(of_one))


def _exposed(seen: Sequence[Sight]) -> float:
    """The share of the frames with anybody in them in which somebody shows."""
    frames = {one.frame for one in seen}
    return len({one.frame for one in seen if not one.covered}) / max(1, len(frames))


def slices(seen: Sequence[Sight]) -> dict[str, dict[str, int]]:
    """{widths: {seen, covered}} by how wide a face is, the empty ones left out."""
    limits = (0, *SIZES, 1 << 30)
    found = {}
    for low, high in pairwise(limits):
        part = [one for one in seen if low <= one.wide < high]
        if part:
            says = f"{low} to {high - 1}" if high <= SIZES[-1] else f"{low} and more"
            found[says] = {"seen": len(part), "covered": sum(one.covered for one in part)}
    return found
