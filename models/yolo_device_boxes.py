"""Of boxes that overlap the best, in shapes that never change and without a question to the device.

The rows of `models.suppress`, which this equals wherever it says that it is settled.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.suppress import APART, MAX_FOUND
from models.yolo_dense import Dense, Proposed

CANDIDATES = 1024  # the best so many compete
ROUNDS = 24  # of thinning out: the longest chain of boxes, each of which stays or goes because of the one before


class Thinned(NamedTuple):
    """Boxes float32 [n, 4] on the canvas, scores [n], classes [n], coefficients [n, masks], best first, of which the
    first `found` [] are true; all of them where that is more than n. `settled` []: nothing was left out, and nothing is
    undecided."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    coefficients: Tensor
    found: Tensor
    settled: Tensor


def thin_out(proposed: Proposed, dense: Dense, iou: Tensor, most: int) -> Thinned:
    """The best `most` of at most MAX_FOUND; `found` may be larger than `most`."""
    scores = torch.where(proposed.allowed, proposed.scores, 0)
    ordered, at = scores.sort(descending=True, stable=True)  # stable: of equals the first, as on the processor
    ordered, at = ordered[:CANDIDATES], at[:CANDIDATES]
    boxes, coefficients = dense.decode(proposed.rows.index_select(0, at), at)
    classes = proposed.classes.index_select(0, at).float()
    kept, settled = distinct(boxes + classes[:, None] * float(APART), ordered > 0, iou)
    best = kept.to(torch.uint8).sort(descending=True, stable=True).indices[:most]
    rows = [part.index_select(0, best) for part in (boxes, ordered, classes, coefficients)]
    found = kept.sum().clamp(max=MAX_FOUND)
    settled = settled & ((found == MAX_FOUND) | (proposed.allowed.sum() <= CANDIDATES))
    return Thinned(rows[0], rows[1], rows[2], rows[3], found, settled)


def distinct(boxes: Tensor, there: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
    """Which of boxes [K, 4], best first, that are `there` [K] overlap none better that stays, bool [K]; and whether
    that is settled, bool [].

    Whoever overlaps nobody better stays: that is sure, so those whom they overlap go, and so on. Each round makes the
    next link of every chain sure; when a round changes nothing, greedy suppression would have left the same.
    """
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    sides = (torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - low).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    union = area[:, None] + area[None] - common
    overlap = ((common > iou * union) & (union > 0)).float().triu(1)
    kept = before = there
    for _ in range(ROUNDS):
        before = kept
        kept = there & (kept.float() @ overlap == 0)
    return kept, (kept == before).all()
