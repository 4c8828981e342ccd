"""Layouts: what the numbers mean that detectors of the YOLO family give as ONNX files; knows neither file nor engine.

Families write the same things in other orders. Which order it is follows from three counts: how many cells a canvas
has, how many classes there are, and how many values come for each box.

    cells        v8, 11, 26 without its own suppression   [1, 4 + classes + more, cells]: x y w h, scores, more
    anchored     v5, v7                                   [1, 3 * cells, 5 + classes + more]: x y w h, whether, scores
    sorted       v10, 26, end to end                      [1, N, 6 + more]: x0 y0 x1 y1, score, class, more

`more` are five landmarks of a face (x y, or x y and whether it is seen), other key points, or a mask's coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.base import ModelError

STRIDES = (8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64)
ANCHORS = 3  # for each cell
MASKS = 32  # coefficients
FIVE = (10, 15)  # values of five landmarks
MOST_SORTED = 1000  # rows that end-to-end networks give; 300 as a rule
ROUNDING = 1e-3  # by which a score may leave 0..1

Floats = NDArray[np.float32]
Canvas = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a network proposes on its canvas, unsorted: boxes [N, 4] (x y w h, the middle first, pixels), scores
    [N, classes], landmarks [N, 5, 2] (x y, NaN where there are none)."""

    boxes: Floats
    scores: Floats
    landmarks: Floats


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the orders. `landmarks` is where the first of five stands, and how many values each has; None: none."""

    kind: Literal["cells", "anchored", "sorted"]
    classes: int
    output: int  # which of the network's outputs it is
    depth: int  # values for each box
    scores: int  # where they begin
    landmarks: tuple[int, int] | None = None

    def read(self, outputs: Sequence[NDArray[Any]], canvas: Canvas) -> Proposals:
        """Raises FloatingPointError: another shape than this, a number that is not finite, a score that is none, a
        class that there is not."""
        if len(outputs) <= self.output or not self._fits(outputs[self.output].shape, canvas):
            raise FloatingPointError(
                f"the network answers {[part.shape for part in outputs]} to {canvas}: not of the kind {self.kind}"
            )
        values = np.asarray(outputs[self.output][0], np.float32)
        if not np.isfinite(np.add.reduce(values, axis=None)):
            raise FloatingPointError("the network's output is not finite")
        rows = values.T if self.kind == "cells" else values
        boxes, scores = (_middles if self.kind == "sorted" else _plain)(rows[:, :4]), self._scores(rows)
        if len(scores) and not -ROUNDING <= float(scores.min()) <= float(scores.max()) <= 1 + ROUNDING:
            raise FloatingPointError(f"the network gives a score of {scores.min()} to {scores.max()}: none of 0 to 1")
        return Proposals(boxes, scores, self._landmarks(rows))

    def _fits(self, shape: tuple[int, ...], canvas: Canvas) -> bool:
        if len(shape) != 3 or shape[0] != 1:
            return False
        if self.kind == "sorted":
            return shape[1] <= MOST_SORTED and shape[2] == self.depth
        count, depth = shape[1:] if self.kind == "anchored" else shape[:0:-1]
        factor = ANCHORS if self.kind == "anchored" else 1
        return depth == self.depth and count in [factor * cells for cells in _cells(canvas)]

    def _scores(self, rows: Floats) -> Floats:
        """[N, classes]."""
        if self.kind == "sorted":
            classes = rows[:, 5]
            if ((classes < 0) | (classes >= self.classes) | (classes != np.floor(classes))).any():
                raise FloatingPointError(f"the network finds a class {classes.min()} to {classes.max()}: there is none")
            scores = np.zeros((len(rows), self.classes), np.float32)
            scores[np.arange(len(rows)), classes.astype(np.int64)] = rows[:, 4]
            return scores
        scores = rows[:, self.scores : self.scores + self.classes]
        if self.kind == "anchored":
            _demand_scores(rows[:, 4])  # a product of two that are none may look like one
            scores = scores * rows[:, 4:5]
        return scores

    def _landmarks(self, rows: Floats) -> Floats:
        if self.landmarks is None:
            return np.full((len(rows), 5, 2), np.nan, np.float32)
        first, values = self.landmarks
        return rows[:, first : first + 5 * values].reshape(-1, 5, values)[..., :2]


def recognise(
    shapes: Sequence[tuple[int, ...]], canvas: Canvas, classes: int, points: tuple[int, int] | None
) -> Layout:
    """The layout of outputs of these shapes. `points`: how many key points there are said to be, and values of each.
    Raises ModelError where it is none."""
    extras = [0, MASKS] + ([points[0] * points[1]] if points else list(FIVE) if classes == 1 else [])
    known = [one for extra in extras for one in _layouts(classes, extra, points is None or points[0] == 5)]
    for output, shape in enumerate(shapes):
        for layout in known:
            if layout._fits(shape, canvas):
                return Layout(layout.kind, classes, output, layout.depth, layout.scores, layout.landmarks)
    raise ModelError(
        f"it answers {', '.join(map(str, shapes))} to a picture of {canvas[0]} x {canvas[1]}: no detector of {classes} "
        f"class{'es' * (classes != 1)} of the YOLO family (v5, v7, v8, 10, 11, 26); next: export it as one, or say its "
        "classes as FILE#names=A,B"
    )


def _layouts(classes: int, extra: int, five: bool) -> list[Layout]:
    """What there can be with so many values more; `five`: where those can be landmarks of a face."""
    values = extra // 5 if five and extra in FIVE else 0
    found = [
        Layout("cells", classes, 0, 4 + classes + extra, 4, (4 + classes, values) if values else None),
        Layout("anchored", classes, 0, 5 + classes + extra, 5, (5 + classes, values) if values else None),
        Layout("sorted", classes, 0, 6 + extra, 4, (6, values) if values else None),
    ]
    if values == 2 and classes == 1:  # YOLOv5-face has the class behind the landmarks
        found[1] = Layout("anchored", 1, 0, 16, 15, (5, 2))
    return found


def _cells(canvas: Canvas) -> list[int]:
    height, width = canvas
    return [sum((height // stride) * (width // stride) for stride in strides) for strides in STRIDES]


def _plain(boxes: Floats) -> Floats:
    return boxes


def _middles(boxes: Floats) -> Floats:
    """x0 y0 x1 y1 to x y w h."""
    return np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), 1)


def _demand_scores(values: Floats) -> None:
    if not -ROUNDING <= float(values.min()) <= float(values.max()) <= 1 + ROUNDING:
        raise FloatingPointError(f"the network gives a score of {values.min()} to {values.max()}: none of 0 to 1")
