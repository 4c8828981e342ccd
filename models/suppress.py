"""Of boxes that overlap the best: what a YOLO network proposes, thinned out; knows no network.

On the processor, one thread: threads that wait for each other over a few hundred boxes, beside an engine's own, cost
more than the work.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_CANDIDATES = 4096  # bounds the work where the threshold lets nearly everything through
MAX_FOUND = 300  # as in Ultralytics
CROWD = 1000  # for faces and plates: whoever is left out here is seen
APART = np.float32(7680)  # pixels by which boxes of neighbouring classes are moved apart; as in Ultralytics

Rows = NDArray[np.float32]


def suppress(
    proposed: Rows, wanted: Sequence[int], classes: int, confidence: float, iou: float, most: int = MAX_FOUND
) -> Rows:
    """Rows x0 y0 x1 y1, score, class, coefficients, best first, not more than `most`.

    `proposed` [N, 4 + classes + M] is x y w h, the scores of all classes, M coefficients. All classes compete for a
    box; those won by a wanted one stay that score above `confidence`; of two of one class that overlap by more than
    `iou` the better.
    """
    scores = proposed[:, 4 : 4 + classes]
    best = scores.argmax(1) if len(scores) else np.zeros(0, np.int64)
    score = np.take_along_axis(scores, best[:, None], 1)[:, 0]
    allowed = np.zeros(classes, bool)
    allowed[list(wanted)] = True
    passing = np.flatnonzero((score > confidence) & allowed[best])
    passing = passing[np.argsort(-score[passing], kind="stable")][:MAX_CANDIDATES]
    half = proposed[passing, 2:4] / 2
    boxes = np.concatenate((proposed[passing, :2] - half, proposed[passing, :2] + half), 1)
    kept = _distinct(boxes + best[passing, None].astype(np.float32) * APART, iou, most)
    rows = passing[kept]
    found = score[rows, None], best[rows, None].astype(np.float32)
    return np.concatenate((boxes[kept], *found, proposed[rows, 4 + classes :]), 1)


def _distinct(boxes: Rows, iou: float, most: int) -> NDArray[np.int64]:
    """Which of boxes [N, 4] (x0 y0 x1 y1), best first, overlap none better by more; the first `most` of them."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left) and len(kept) < most:
        first, left = left[0], left[1:]
        kept.append(int(first))
        low = np.maximum(boxes[first, :2], boxes[left, :2])
        sides = np.maximum(np.minimum(boxes[first, 2:], boxes[left, 2:]) - low, 0)
        common = sides[:, 0] * sides[:, 1]
        union = area[first] + area[left] - common  # of boxes that are inside out it may be 0 or less: no overlap
        left = left[(common <= iou * union) | (union <= 0)]
    return np.array(kept, np.int64)
