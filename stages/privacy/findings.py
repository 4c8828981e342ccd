"""Findings: what several detectors found in one picture, as one list; knows no detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.base import Patch
from pipeline.frame import LOW, OBJECT, Table

SAME = 0.5  # of their union that boxes of one class have in common where they show the same thing
Shape = Literal["ellipse", "box"]
Floats = NDArray[np.float32]


@dataclass(slots=True)
class Finding:
    """One thing: `cls` as in `models.classes`, `box` x0 y0 x1 y1 in pixels, `landmarks` [5, 2], NaN where unknown, and
    its outline where one is known. `boxed`: who found it said of a part of it no more than a box."""

    cls: int
    score: float
    box: Floats
    landmarks: Floats
    patch: Patch | None = None
    boxed: bool = False

    def __post_init__(self) -> None:
        self.boxed |= self.patch is None or not self.patch.mask.any()  # an outline of nothing covers nothing


def united(found: Sequence[Finding]) -> list[Finding]:
    """Best first; what two detectors, or two tiles, show of one thing is one finding as large as both."""
    kept: list[Finding] = []
    for one in sorted(found, key=lambda one: -one.score):
        better = next((other for other in kept if other.cls == one.cls and _common(one.box, other.box) >= SAME), None)
        if better is None:
            kept.append(one)
            continue
        better.box = np.concatenate((np.minimum(one.box[:2], better.box[:2]), np.maximum(one.box[2:], better.box[2:])))
        outlines = [part.patch for part in (better, one) if part.patch is not None]
        better.patch = joined(outlines) if len(outlines) > 1 else outlines[0] if outlines else None
        better.boxed |= one.boxed
        if not np.isfinite(better.landmarks).all():
            better.landmarks = one.landmarks
    return kept


def _common(one: Floats, other: Floats) -> float:
    """The share of both together that lies in both. In plain floats: of a crowd a thousand pairs are asked for."""
    (left, top, right, bottom), (left_, top_, right_, bottom_) = one.tolist(), other.tolist()
    both = max(0.0, min(right, right_) - max(left, left_)) * max(0.0, min(bottom, bottom_) - max(top, top_))
    union = (right - left) * (bottom - top) + (right_ - left_) * (bottom_ - top_) - both
    return float(both / union) if union > 0 else 0.0


def joined(patches: Sequence[Patch]) -> Patch:
    """One patch that covers what all of these cover."""
    x0, y0 = min(patch.x for patch in patches), min(patch.y for patch in patches)
    x1, y1 = (max(at) for at in zip(*((p.x + p.mask.shape[1], p.y + p.mask.shape[0]) for p in patches), strict=True))
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for patch in patches:
        height, width = patch.mask.shape
        mask[patch.y - y0 :, patch.x - x0 :][:height, :width] |= patch.mask
    return Patch(x0, y0, mask)


def outline(box: Floats, grow: float, shape: Shape, size: tuple[int, ...]) -> Patch:
    """The pixels of a picture of that height and width that a thing in `box` covers, larger by `grow` of its sides at
    every side: a rectangle, or an ellipse in it. Raises ValueError where nothing of it lies in the picture."""
    sides = box[2:] - box[:2]
    low, high = np.floor(box[:2] - grow * sides).astype(int), np.ceil(box[2:] + grow * sides).astype(int)
    x0, y0 = (max(0, int(at)) for at in low)
    x1, y1 = (min(limit, int(at)) for at, limit in zip(high, size[::-1], strict=True))
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"{box = } lies outside a picture of {size}")
    if shape == "box":
        return Patch(x0, y0, np.full((y1 - y0, x1 - x0), 255, np.uint8))
    (middle_x, middle_y), (wide, high_) = (low + high - 1) / 2, (high - low) / 2
    x = (np.arange(x0, x1) - middle_x) / wide
    y = (np.arange(y0, y1) - middle_y) / high_
    inside = np.add.outer(y * y, x * x) <= 1
    return Patch(x0, y0, inside.view(np.uint8) * np.uint8(255))


def to_table(found: Sequence[Finding], sure: int) -> Table:
    """Findings as rows of the `found` plane: untracked. All but the first `sure` are LOW."""
    rows = np.zeros(len(found), OBJECT)
    rows["track"] = -1
    rows["flags"][sure:] = LOW
    for row, one in zip(rows, found, strict=True):
        row["cls"], row["score"], row["box"], row["landmarks"] = one.cls, one.score, one.box, one.landmarks
    return rows
