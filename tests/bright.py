"""Detectors that see colours, as ONNX files in the forms in which YOLO networks are exported: what is red, or blue, on
one cell of 8 pixels is found there, 16 pixels wide and 24 high."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDE, HIGH = 16.0, 24.0
STRIDES = (8, 16, 32)
MARKS = np.array([(-4, -6), (4, -6), (0, 0), (-3, 6), (3, 6)], np.float32)  # from the middle, pixels of the canvas


class Sketch:
    """A graph while it is drawn."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []

    def number(self, value: object, kind: type = np.float32) -> str:
        name = f"n{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def do(self, kind: str, *inputs: str, outputs: int = 1, **options: object) -> str:
        names = [f"v{len(self.nodes)}_{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **options))
        return names[-1] if outputs > 1 else names[0]

    def times(self, x: str, factor: float, plus: float = 0.0) -> str:
        return self.do("Add", self.do("Mul", x, self.number(factor)), self.number(plus))

    def picked(self, x: str, axis: int, first: int, last: int) -> str:
        return self.do("Slice", x, *(self.number([one], np.int64) for one in (first, last, axis)))


def _maps(sketch: Sketch, stride: int, colours: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Of one stride the four maps of boxes, x y w h, and one map of scores for each colour; all [1, 1, h, w]."""
    pooled = sketch.do("AveragePool", "images", kernel_shape=[stride] * 2, strides=[stride] * 2)
    one = sketch.times(sketch.picked(pooled, 1, 0, 1), 0, 1)
    x, y = (
        sketch.times(sketch.do("CumSum", one, sketch.number(axis, np.int64)), stride, -stride / 2) for axis in (3, 2)
    )
    seen = 0.9 if stride == STRIDES[0] else 0.0
    scores = [sketch.times(sketch.picked(pooled, 1, colour, colour + 1), seen) for colour in colours]
    return [x, y, sketch.times(one, WIDE), sketch.times(one, HIGH)], scores


def _marks(sketch: Sketch, boxes: list[str], values: int) -> list[str]:
    maps = []
    for dx, dy in MARKS:
        maps += [sketch.times(boxes[0], 1, dx), sketch.times(boxes[1], 1, dy)]
        maps += [sketch.times(boxes[0], 0, 0.7)] * (values - 2)
    return maps


def _level(sketch: Sketch, kind: str, stride: int, colours: tuple[int, ...], values: int) -> str:
    """[1, depth, cells] of one stride."""
    boxes, scores = _maps(sketch, stride, colours)
    marks = _marks(sketch, boxes, values) if values else []
    whether = [sketch.times(boxes[0], 0, 1)]
    if kind == "anchored":
        maps = [*boxes, *whether, *marks, *scores] if values == 2 else [*boxes, *whether, *scores, *marks]
    else:
        maps = [*boxes, *scores, *marks]
    level = sketch.do("Concat", *maps, axis=1)
    return sketch.do("Reshape", level, sketch.number([1, len(maps), -1], np.int64))


def _sorted(sketch: Sketch, dense: str, classes: int, values: int, rows: int) -> str:
    """End to end: the best `rows` of [1, depth, N] as [1, rows, 6 + 5 * values]."""
    by_cell = sketch.do("Transpose", dense, perm=[0, 2, 1])
    scores = sketch.picked(by_cell, 2, 4, 4 + classes)
    best = sketch.do("ReduceMax", scores, axes=[2], keepdims=0)
    at = sketch.do("TopK", best, sketch.number([rows], np.int64), outputs=2, axis=1)
    flat = sketch.do("Reshape", at, sketch.number([-1], np.int64))
    chosen = sketch.do("Gather", by_cell, flat, axis=1)
    middle, half = sketch.picked(chosen, 2, 0, 2), sketch.times(sketch.picked(chosen, 2, 2, 4), 0.5)
    kept = sketch.picked(chosen, 2, 4, 4 + classes)
    score = sketch.do("ReduceMax", kept, axes=[2], keepdims=1)
    number = sketch.do("Cast", sketch.do("ArgMax", kept, axis=2, keepdims=1), to=TensorProto.FLOAT)
    parts = [sketch.do("Sub", middle, half), sketch.do("Add", middle, half), score, number]
    parts += [sketch.picked(chosen, 2, 4 + classes, 4 + classes + 5 * values)] if values else []
    return sketch.do("Concat", *parts, axis=2)


def bright(
    path: Path,
    kind: str = "cells",
    *,
    colours: tuple[int, ...] = (0,),
    values: int = 0,
    canvas: tuple[int, int] | None = None,
    notes: Mapping[str, str] | None = None,
    half: bool = False,
) -> Path:
    """Save the network as `kind` (`cells`, `anchored` or `sorted`): one class for each of `colours` (0 red, 1 green, 2
    blue), with `values` for each of five landmarks. `canvas`: the fixed height and width of its input."""
    sketch = Sketch()
    if half:
        sketch.nodes.append(helper.make_node("Cast", ["halves"], ["images"], to=TensorProto.FLOAT))
    levels = [_level(sketch, kind, stride, colours, values) for stride in STRIDES]
    answer = sketch.do("Concat", *(levels * 3 if kind == "anchored" else levels), axis=2)
    if kind == "anchored":
        answer = sketch.do("Transpose", answer, perm=[0, 2, 1])
    if kind == "sorted":
        answer = _sorted(sketch, answer, len(colours), values, 20)
    return saved(path, sketch, answer, canvas=canvas, notes=notes, half=half)


def saved(
    path: Path,
    sketch: Sketch,
    answer: str,
    *,
    canvas: tuple[int, int] | None = None,
    notes: Mapping[str, str] | None = None,
    half: bool = False,
) -> Path:
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    sides: list[object] = [1, 3, *(canvas or ("height", "width"))]
    picture = helper.make_tensor_value_info("halves" if half else "images", kind, sides)
    given = helper.make_tensor_value_info(answer, TensorProto.FLOAT, None)
    graph = helper.make_graph(sketch.nodes, "bright", [picture], [given], sketch.held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(notes or {}))
    onnx.save(model, str(path))
    return path


def constant(path: Path, answer: np.ndarray, *, canvas: tuple[int, int], notes: Mapping[str, str]) -> Path:
    """A network that answers the same to every picture."""
    sketch = Sketch()
    nothing = sketch.do("ReduceMean", sketch.times("images", 0), axes=[0, 1, 2, 3], keepdims=0)
    return saved(path, sketch, sketch.do("Add", sketch.number(answer), nothing), canvas=canvas, notes=notes)
