"""Greedy non-maximum suppression per class, in NumPy; knows no network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_CANDIDATES = 4096  # bounds the work where the threshold lets nearly everything through
MAX_KEPT = 256


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64], iou: float
) -> NDArray[np.int64]:
    """Indices of the boxes that stay, best first: none overlaps a better one of its class by more than `iou`.

    `boxes` [N, 4] are x0 y0 x1 y1. Of more than MAX_CANDIDATES the best are looked at, at most MAX_KEPT stay.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept: list[int] = []
    while len(order) and len(kept) < MAX_KEPT:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        corner = np.maximum(boxes[best, :2], boxes[rest, :2])
        overlap = np.prod(np.maximum(np.minimum(boxes[best, 2:], boxes[rest, 2:]) - corner, 0), axis=1)
        union = areas[best] + areas[rest] - overlap
        order = rest[(overlap <= iou * union) | (classes[rest] != classes[best])]
    return np.array(kept, np.int64)
