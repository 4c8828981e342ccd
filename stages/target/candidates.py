"""Candidates: what was found in one picture, with its mask in full and in small; knows nothing of former pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Instances, Patch
from pipeline.frame import Frame, Image
from stages.target.looks import Look, look_of
from stages.target.small import Small

Floats = NDArray[np.float32]


class Sight:
    """One picture, reduced, in the forms in which it is looked at."""

    def __init__(self, image: Image, small: Small) -> None:
        self.image = image
        self.small = small
        self.picture = small.shrink(image)

    @cached_property
    def lab(self) -> Image:
        return cv2.cvtColor(self.picture, cv2.COLOR_BGR2LAB)  # type: ignore[no-any-return]

    @cached_property
    def gray(self) -> Image:
        return cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY)  # type: ignore[no-any-return]

    def look(self, patch: Patch) -> Look:
        """Of what the patch covers, in pixels of the small picture."""
        return look_of(within(self.lab, patch), patch.mask)


@dataclass(eq=False)
class Candidate:
    """Something that was found. `box` (x0 y0 x1 y1) and `patch` are in pixels of the small picture, `fine` of the full
    one."""

    cls: int
    score: float
    box: Floats
    fine: Patch
    patch: Patch
    sight: Sight

    @cached_property
    def area(self) -> int:
        return int(np.count_nonzero(self.patch.mask))

    @cached_property
    def look(self) -> Look:
        return self.sight.look(self.patch)

    def share_in(self, box: Floats) -> float:
        """How much of its mask lies in a box of the small picture."""
        x0, y0, x1, y1 = (round(float(side)) for side in box)
        left, top = max(0, x0 - self.patch.x), max(0, y0 - self.patch.y)
        inside = self.patch.mask[top : max(top, y1 - self.patch.y), left : max(left, x1 - self.patch.x)]
        return int(np.count_nonzero(inside)) / max(1, self.area)

    def common(self, mask: Image) -> int:
        """Pixels of a map [h, w] of the small picture that are not 0 and belong to it."""
        return int(np.count_nonzero(cv2.bitwise_and(self.patch.mask, within(mask, self.patch))))


def from_planes(frame: Frame, sight: Sight) -> list[Candidate]:
    """What an earlier stage found in this frame; nothing where nobody looked."""
    if not frame.looked:
        return []
    found = []
    for number, row in enumerate(frame.found[:255], 1):
        x0, y0, x1, y1 = (float(side) for side in row["box"])
        left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
        labels = frame.labels[top : math.ceil(y1), left : math.ceil(x1)]
        if not labels.size:
            continue
        mask = cv2.compare(np.ascontiguousarray(labels), number, cv2.CMP_EQ)
        found += _made(int(row["cls"]), float(row["score"]), row["box"], Patch(left, top, mask), sight)
    return found


def from_instances(instances: Instances, left: int, top: int, sight: Sight) -> list[Candidate]:
    """What a segmenter found in the part of the picture that begins at (left, top)."""
    found = []
    for box, score, cls, patch in zip(
        instances.boxes, instances.scores, instances.classes, instances.patches, strict=True
    ):
        moved = Patch(patch.x + left, patch.y + top, patch.mask)
        found += _made(int(cls), float(score), box + np.array([left, top] * 2, np.float32), moved, sight)
    return found


def within(picture: Image, patch: Patch) -> Image:
    """The part of [h, w, ...] under the patch, as a view."""
    height, width = patch.mask.shape
    return picture[patch.y : patch.y + height, patch.x : patch.x + width]


def from_mask(mask: Image, cls: int, sight: Sight) -> Candidate | None:
    """A candidate of full sureness from a mask uint8 [H, W] of the full picture; None where it is empty."""
    rows, columns = np.flatnonzero(mask.max(1)), np.flatnonzero(mask.max(0))
    if not len(rows):
        return None
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    patch = Patch(x0, y0, np.ascontiguousarray(mask[y0:y1, x0:x1]))
    made = _made(cls, 1.0, np.array([x0, y0, x1, y1], np.float32), patch, sight)
    return made[0] if made else None


def iou(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.maximum(0, high - low)))
    return common / max(1e-6, box_area(one) + box_area(other) - common)


def box_area(box: Floats) -> float:
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def mask_iou(one: Candidate, other: Candidate) -> float:
    """Intersection over union of two masks."""
    common = _common(one.patch, other.patch)
    return common / max(1, one.area + other.area - common)


def mask_share(one: Candidate, other: Candidate) -> float:
    """How much of the one is also the other's."""
    return _common(one.patch, other.patch) / max(1, one.area)


def joined(patches: list[Patch]) -> Patch:
    """The union of masks."""
    x0, y0 = min(one.x for one in patches), min(one.y for one in patches)
    x1 = max(one.x + one.mask.shape[1] for one in patches)
    y1 = max(one.y + one.mask.shape[0] for one in patches)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for one in patches:
        height, width = one.mask.shape
        view = mask[one.y - y0 : one.y - y0 + height, one.x - x0 : one.x - x0 + width]
        np.maximum(view, one.mask, out=view)
    return Patch(x0, y0, mask)


def _common(one: Patch, other: Patch) -> int:
    x0, y0 = max(one.x, other.x), max(one.y, other.y)
    x1 = min(one.x + one.mask.shape[1], other.x + other.mask.shape[1])
    y1 = min(one.y + one.mask.shape[0], other.y + other.mask.shape[0])
    if x0 >= x1 or y0 >= y1:
        return 0
    first, second = (
        np.ascontiguousarray(patch.mask[y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x])
        for patch in (one, other)
    )
    return int(np.count_nonzero(cv2.bitwise_and(first, second)))


def _made(cls: int, score: float, box: Floats, fine: Patch, sight: Sight) -> list[Candidate]:
    """One, or none where no pixel of it is left in the small picture."""
    patch = sight.small.patch(fine) if fine.mask.size else fine
    if not patch.mask.any():
        return []
    return [Candidate(cls, score, sight.small.box(np.asarray(box)), fine, patch, sight)]
