"""Answers: whether what a model says can be an answer at all. An empty one is; none, and nonsense, is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.base import Detections, Instances
from stages.privacy.findings import Finding

EDGE = 1.0  # pixels by which a box may lie beside the picture: rounded, it was at its edge


def sound(found: Detections | Instances, known: int) -> None:
    """Refuse what is no list of things of the `known` classes, each with all that belongs to it. Raises TypeError,
    ValueError, FloatingPointError."""
    if not isinstance(found, Detections | Instances):
        raise TypeError(f"a model answers with {type(found).__name__}, which says nothing about the picture")
    count = len(found.scores)
    if found.boxes.shape != (count, 4) or found.classes.shape != (count,):
        raise ValueError(f"{count} scores, but {found.boxes.shape = } and {found.classes.shape = }")
    if isinstance(found, Detections) and found.landmarks.shape != (count, 5, 2):
        raise ValueError(f"{count} scores, but {found.landmarks.shape = }")
    if isinstance(found, Instances) and len(found.patches) != count:
        raise ValueError(f"{count} scores, but {len(found.patches)} outlines")
    if count and not (found.classes.min() >= 0 and found.classes.max() < known):
        raise ValueError(f"classes {found.classes.min()} to {found.classes.max()}, but {known} are known")


def in_picture(found: Sequence[Finding], height: int, width: int) -> None:
    """Refuse what lies nowhere in a picture of that size: who says so has not seen it. What lies partly beside it is
    an answer. Raises FloatingPointError, ValueError."""
    for one in found:
        box = one.box.tolist()
        if not np.isfinite(one.box).all() or not np.isfinite(one.score):
            raise FloatingPointError(f"a detector answers with a box {box}, score {one.score}")
        x0, y0, x1, y1 = box
        if x1 < x0 or y1 < y0:
            raise ValueError(f"a detector answers with a box {box}, which ends before it begins")
        if x0 > width + EDGE or y0 > height + EDGE or x1 < -EDGE or y1 < -EDGE:
            raise ValueError(f"a detector answers with a box {box}, beside a picture of {width}x{height}")
        if one.patch is not None:
            high, wide = one.patch.mask.shape
            if not (0 <= one.patch.x <= width - wide and 0 <= one.patch.y <= height - high):
                raise ValueError(f"a model's outline of {wide}x{high} at {one.patch.x}, {one.patch.y} is not inside")
