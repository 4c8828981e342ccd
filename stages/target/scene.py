"""Scene: everything that is known of one moment before its targets are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import tight_box
from stages.target.camera import Motion
from stages.target.candidates import Candidate, Floats, Sight, mask_share
from stages.target.looks import Look, likeness
from stages.target.memory import Goal, Other, Part, label

ALIKE = (
    ("bicycle", "motorcycle"),
    ("car", "truck", "bus", "train"),
    ("cat", "dog", "horse", "sheep", "cow", "bear"),
    ("couch", "chair", "bed"),
    ("handbag", "suitcase", "backpack"),
)  # names that networks mix up over one and the same thing
SEE_THROUGH = frozenset({"bicycle", "motorcycle", "chair", "bench", "umbrella", "potted plant", "tennis racket"})

Taken = dict[tuple[int, int], Candidate]  # (target, part) -> what it is in this picture


@dataclass(eq=False)
class Scene:
    """`carried` is the label map (see `memory.label`) of the former picture, moved to this one."""

    sight: Sight
    motion: Motion
    carried: Image
    others: list[Other]
    names: Sequence[str]
    hold: int
    taken: Taken = field(default_factory=dict)

    def carried_part(self, target: int, part: int) -> Image:
        """uint8 [h, w], 255 where that part has been carried to."""
        return cv2.compare(self.carried, label(target, part), cv2.CMP_EQ)  # type: ignore[no-any-return]

    def kinship(self, one: int, other: int) -> float:
        """1 for one class, 0.6 for two that networks mix up, 0 for different ones."""
        if one == other:
            return 1.0
        first, second = (self.names[cls] if 0 <= cls < len(self.names) else "" for cls in (one, other))
        return 0.6 if any(first in group and second in group for group in ALIKE) else 0.0

    def is_taken(self, candidate: Candidate, target: int) -> bool:
        """Whether another target has most of it already."""
        return any(mask_share(candidate, one) > 0.5 for (owner, _), one in self.taken.items() if owner != target)


def resemblance(part: Part, look: Look) -> float:
    """To what the part looked like at first, or lately: whichever is nearer."""
    return max(likeness(part.first, look), likeness(part.slow, look))


def box_of(mask: Image) -> Floats | None:
    """x0 y0 x1 y1 around what is set; None where nothing is."""
    box = tight_box(mask)
    return None if box is None else np.array([box.x0, box.y0, box.x1, box.y1], np.float32)


def centre(box: Floats) -> Floats:
    return (box[:2] + box[2:]) / 2


def shift(goal: Goal, motion: Motion, *, coasting: bool) -> None:
    """Move all its boxes with the ground and, `coasting`, by its own velocity."""
    for part in goal.parts:
        part.box = motion.box(part.box) + (np.tile(goal.velocity, 2) if coasting else 0)
