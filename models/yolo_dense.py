"""What a YOLO network proposes, all of it, in shapes that never change: for a GPU that must not ask how many there are.

The same formulas and the same checks as `candidates` in `models.yolo_anchored` and `models.ultralytics_seg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Proposed(NamedTuple):
    """Of N places: score float32 [N] and class int64 [N] of what is likeliest there, whether it may be taken, bool [N],
    all that is needed to decode it [N, ...], and whether a value that decides, or counts, is not finite, bool []."""

    scores: Tensor
    classes: Tensor
    allowed: Tensor
    rows: Tensor
    broken: Tensor


class Dense(Protocol):
    """One family on one canvas size."""

    def propose(self, outputs: Sequence[Tensor], wanted: Tensor, confidence: Tensor) -> Proposed:
        """`outputs` as of `models.yolo.Family.network`; `wanted` float32 [classes] of 0 and 1, `confidence` []."""
        ...

    def decode(self, rows: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes float32 [K, 4], x0 y0 x1 y1 on the canvas, and coefficients float32 [K, masks] of the `rows` [K, ...]
        that stand at places `at` [K]."""
        ...


def not_finite(part: Tensor) -> Tensor:
    """bool []: as `models.finite.demand_finite` sees it."""
    return ~torch.isfinite(part.sum(dtype=torch.float32))


class DenseAnchored:
    """YOLOv5-seg and YOLOv7-seg. Follows Dense."""

    def __init__(
        self,
        anchors: Sequence[Tensor],
        strides: Sequence[int],
        masks: int,
        canvas: tuple[int, int],
        place: torch.device,
    ) -> None:
        """`anchors`: per stride [A, 2], in pixels; `canvas`: its height and width."""
        self._masks, self._anchors = masks, [len(each) for each in anchors]
        parts = []
        for sides, stride in zip(anchors, strides, strict=True):
            height, width = canvas[0] // stride, canvas[1] // stride
            y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            cell = torch.stack((x, y), -1).view(-1, 2).float().repeat(len(sides), 1)
            anchor = sides.float().repeat_interleave(height * width, 0)
            parts.append(torch.cat((cell, anchor, torch.full((len(cell), 1), float(stride))), 1))
        self._places = torch.cat(parts).to(place)

    def propose(self, outputs: Sequence[Tensor], wanted: Tensor, confidence: Tensor) -> Proposed:
        """Only the wanted classes compete."""
        *levels, prototypes = outputs
        pairs = zip(levels, self._anchors, strict=True)
        rows = torch.cat([_by_place(level, anchors) for level, anchors in pairs])
        objectness = rows[:, 4].float()
        passing = objectness > confidence.logit()
        classes = rows[:, 5 : -self._masks].float().sigmoid() * objectness.sigmoid()[:, None]
        scores, best = (classes * wanted).max(1)
        sums = rows.sum(1, dtype=torch.float32)
        broken = not_finite(prototypes) | not_finite(objectness) | (passing & ~torch.isfinite(sums)).any()
        return Proposed(scores, best, passing & (scores > confidence), rows, broken)

    def decode(self, rows: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        place = self._places.index_select(0, at)
        cell, anchors, stride = place[:, :2], place[:, 2:4], place[:, 4:]
        s = rows[:, :4].float().sigmoid()
        centre, half = (2 * s[:, :2] - 0.5 + cell) * stride, (2 * s[:, 2:]) ** 2 * anchors / 2
        return torch.cat((centre - half, centre + half), 1), rows[:, -self._masks :].float()


class DenseUltralytics:
    """YOLOv8, YOLO11, YOLO26. Follows Dense."""

    def __init__(self, centres: Tensor, strides: Tensor, bins: int, place: torch.device) -> None:
        """`centres` [N, 2] in cells, `strides` [N, 1]: see `models.ultralytics_seg.cells`."""
        self._places = torch.cat((centres, strides), 1).to(place)
        self._steps = torch.arange(bins, dtype=torch.float32, device=place)
        self._bins = bins

    def propose(self, outputs: Sequence[Tensor], wanted: Tensor, confidence: Tensor) -> Proposed:
        """All classes compete; the wanted are picked afterwards."""
        boxes, logits, coefficients, prototypes = (part[0] for part in outputs)
        rows = torch.cat((boxes, coefficients)).T
        passing = logits.amax(0).float() > confidence.logit()
        scores, best = logits.float().sigmoid().max(0)
        sums = rows.sum(1, dtype=torch.float32)
        broken = not_finite(prototypes) | not_finite(logits) | (passing & ~torch.isfinite(sums)).any()
        allowed = passing & (scores > confidence) & (wanted.gather(0, best) > 0)
        return Proposed(scores, best, allowed, rows, broken)

    def decode(self, rows: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        place = self._places.index_select(0, at)
        centre, stride = place[:, :2], place[:, 2:]
        sides = rows[:, : 4 * self._bins].float().view(-1, 4, self._bins)
        if self._bins > 1:
            sides = sides.softmax(2) * self._steps
        low, high = sides.sum(2).chunk(2, 1)
        boxes = torch.cat((centre - low, centre + high), 1) * stride
        return boxes, rows[:, 4 * self._bins :].float()


def _by_place(level: Tensor, anchors: int) -> Tensor:
    """One stride's output [1, anchors * outputs, h, w] as [anchors * h * w, outputs]."""
    _, channels, height, width = level.shape
    parts = level[0].view(anchors, channels // anchors, height, width).permute(0, 2, 3, 1)
    return parts.reshape(anchors * height * width, -1)
