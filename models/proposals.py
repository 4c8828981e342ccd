"""Proposals to detections: what a network proposes on its canvas, checked, thinned out and laid back on the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.base import Detections
from models.letterbox import Letterbox
from models.suppress import CROWD, MAX_CANDIDATES, suppress

OVERLAP = 0.45  # boxes of one class that share more of their union show one thing
LARGEST = 4.0  # times the canvas: what would be larger is no box

Floats = NDArray[np.float32]


def detections(boxes: Floats, scores: Floats, landmarks: Floats, fit: Letterbox, confidence: float) -> Detections:
    """From boxes [N, 4] (x y w h, pixels of the canvas), scores [N, classes] and landmarks [N, 5, 2].

    No class competes with another: what is a lorry rather than a plate is a plate all the same where that passes.
    Raises FloatingPointError where a box that passes is none, or lies where there is no canvas.
    """
    rows, classes = np.nonzero(scores > confidence)
    if len(rows) > MAX_CANDIDATES:
        best = np.argsort(-scores[rows, classes], kind="stable")[:MAX_CANDIDATES]
        rows, classes = rows[best], classes[best]
    _demand_boxes(boxes[rows], fit)
    alone = np.zeros((len(rows), scores.shape[1]), np.float32)
    alone[np.arange(len(rows)), classes] = np.minimum(scores[rows, classes], 1)
    proposed = np.concatenate((boxes[rows], alone, landmarks[rows].reshape(-1, 10)), 1).astype(np.float32)
    found = suppress(proposed, range(scores.shape[1]), scores.shape[1], confidence, OVERLAP, CROWD)
    placed = fit.undo_boxes(found[:, :4])
    seen = (placed[:, 2:] > placed[:, :2]).all(1)  # not those in the margin
    found, placed = found[seen], placed[seen]
    marks = fit.undo_points(found[:, 6:].reshape(-1, 5, 2))
    return Detections(placed, found[:, 4], found[:, 5].astype(np.int64), marks)


def _demand_boxes(boxes: Floats, fit: Letterbox) -> None:
    """Raises FloatingPointError for one that is inside out, without end, or outside the canvas altogether."""
    limit = np.array((fit.out_width, fit.out_height), np.float32)
    middle, sides = boxes[:, :2], boxes[:, 2:]
    outside = (middle + sides / 2 < 0) | (middle - sides / 2 > limit)
    wrong = ~np.isfinite(boxes).all(1) | (sides <= 0).any(1) | (sides > LARGEST * limit).any(1) | outside.any(1)
    if wrong.any():
        raise FloatingPointError(
            f"the network finds something at {boxes[wrong][0].tolist()} (x y w h) of a canvas of {limit.tolist()}"
        )
