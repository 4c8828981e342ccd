"""The network of `infill` drawn in OpenVINO's own operators, for one size of canvas.

Drawn in a moment; torch's exporter takes many times as long as the first hundred crops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.infill_plan import (
    ASKED,
    BLOCKS,
    CARRIED,
    CELL,
    DIRECTIONS,
    FLATTEST,
    GLOBAL,
    LEAST,
    LEFT,
    LEVELS,
    ROUNDS,
    SATURATION,
    SLOPE,
    SPREAD,
    STRETCH,
    UNKNOWN,
    USUAL,
    WAYS,
    Weights,
)  # fmt: skip
from models.openvino_drawing import Node, back, channels, conv, forth, shaped
from models.quiet_openvino import openvino, ops
from models.waves import matrices

EDGE = 1e-12  # torch's least length of what is normalised
TIMES = np.array([1, WAYS, 1, 1])
KERNELS = np.array(DIRECTIONS, np.float32).repeat(3, 0)[:, None, None]  # [COLOURS, 1, 1, 3, 3]


def graph(weights: Weights, height: int, width: int) -> Any:
    """Takes uint8 [1, H, W, 4] of B, G, R, hole; gives what `InfillNetwork` gives: float [1, 3, H, W].

    `weights` are those of its state dict, and have to outlive the graph."""
    canvas = ops.parameter([1, height, width, 4], np.uint8)
    planes = ops.divide(ops.transpose(ops.convert(canvas, "f32"), [0, 3, 1, 2]), np.float32(255))
    blue, green, red, hole = ops.split(planes, 1, 4).outputs()
    picture, known = ops.concat([red, green, blue], 1), ops.subtract(np.float32(1), hole)
    smooth = _membranes(picture, known)
    mean, spread = _known_light(picture, known)
    seen = ops.multiply(ops.subtract(smooth, ops.tile(mean, TIMES)), ops.divide(np.float32(SPREAD), spread))
    left, texture, colours = _Network(weights, height // CELL, width // CELL).left(seen, hole)
    first = channels(seen, 0, 3)
    carried = ops.add(first, ops.multiply(ops.subtract(colours, first), hole))
    ways = shaped(ops.concat([seen, carried], 1), WAYS + 1, 3, height, width)
    shares = shaped(ops.softmax(channels(left, 3, LEFT - 1), 1), WAYS + 1, 1, height, width)
    chosen = ops.reduce_sum(ops.multiply(ways, shares), np.array([1]), keep_dims=False)
    invented = ops.multiply(channels(left, 0, 3), np.float32(SPREAD / USUAL))
    invented = ops.add(invented, ops.multiply(ops.sigmoid(channels(left, LEFT - 1, LEFT)), texture))
    made = ops.multiply(ops.add(chosen, ops.multiply(hole, invented)), ops.divide(spread, np.float32(SPREAD)))
    return openvino.Model([ops.add(made, mean)], [canvas], "infill")


class _Network:
    """Draws the layers; places lie in `rows` and `columns`."""

    def __init__(self, weights: Weights, rows: int, columns: int) -> None:
        self._weights, self._rows, self._columns = weights, rows, columns
        self._wide, self._tall, self._narrow = (ops.constant(part) for part in matrices(rows, columns))

    def left(self, seen: Node, hole: Node) -> tuple[Node, Node, Node]:
        """As `InfillNetwork.answer` has it: what is left to choose by, and the texture and colours that are carried."""
        fine = _bent(self._conv(_unshuffled(ops.concat([seen, hole], 1), 2), "enter"))
        fine = ops.add(fine, _bent(self._conv(fine, "fine")))
        middle = _bent(self._conv(fine, "to_middle", 2))
        middle = ops.add(middle, _bent(self._conv(middle, "middle")))
        deep = _bent(self._conv(middle, "to_deep", 2))
        for number in range(BLOCKS):
            deep = self._block(deep, f"blocks.{number}")
        features, texture, colours = self._carried(self._shares(deep, hole), fine, channels(seen, 0, 3))
        up = _shuffled(self._conv(deep, "from_deep"), 2)
        up = _bent(self._conv(ops.concat([up, middle], 1), "join_middle"))
        up = ops.add(up, _bent(self._conv(up, "again_middle")))
        up = _shuffled(self._conv(up, "from_middle"), 2)
        carried = _unshuffled(ops.concat([texture, colours], 1), 2)
        up = _bent(self._conv(ops.concat([up, fine, features, carried], 1), "join_fine"))
        return _shuffled(self._conv(up, "leave"), 2), texture, colours

    def _block(self, x: Node, name: str) -> Node:
        """As `GlobalBlock`."""
        y = _bent(self._conv(x, f"{name}.near"))
        mixed, sides = channels(y, 0, GLOBAL), (self._rows, self._columns)
        spectrum = forth(mixed, self._wide, self._tall, GLOBAL, *sides)
        spectrum = _bent(self._conv(spectrum, f"{name}.mixing"))
        mixed = ops.add(mixed, back(spectrum, self._tall, self._narrow, GLOBAL, *sides))
        return ops.add(x, self._conv(ops.concat([mixed, channels(y, GLOBAL, 2 * GLOBAL)], 1), f"{name}.after"))

    def _shares(self, deep: Node, hole: Node) -> Node:
        """As a softmax of `Carrying.likeness`."""
        places = self._rows * self._columns
        asking, asked = (
            ops.normalize_l2(shaped(self._conv(deep, f"carrying.{part}"), ASKED, places), np.array([1]), EDGE, "max")
            for part in ("asking", "asked")
        )
        unknown = ops.multiply(shaped(_pooled(hole, CELL), 1, places), np.float32(UNKNOWN))
        likeness = ops.multiply(ops.matmul(asking, asked, True, False), self._weights["carrying.sharp"])
        return ops.softmax(ops.subtract(likeness, unknown), -1)

    def _carried(self, shares: Node, fine: Node, picture: Node) -> tuple[Node, Node, Node]:
        """As `Carrying`."""
        means = _pooled(picture, CELL)
        texture = ops.subtract(picture, _larger(means, CELL))
        features = self._conv(fine, "carrying.detail")
        cells = ops.concat([_unshuffled(features, STRETCH), _unshuffled(texture, CELL), means], 1)
        depths = CARRIED * STRETCH**2, 3 * CELL**2, 3
        flat = shaped(cells, sum(depths), self._rows * self._columns)
        carried = shaped(ops.matmul(flat, shares, False, True), sum(depths), self._rows, self._columns)
        parts = ops.variadic_split(carried, 1, list(depths)).outputs()
        return _shuffled(parts[0], STRETCH), _shuffled(parts[1], CELL), _larger(parts[2], CELL)

    def _conv(self, x: Node, name: str, stride: int = 1) -> Node:
        weight = self._weights[f"{name}.weight"]
        return conv(x, weight, self._weights[f"{name}.bias"], stride, weight.shape[2] // 2)


def _membranes(picture: Node, known: Node) -> Node:
    """As `models.membrane.membranes`."""
    sums, weights = ops.multiply(picture, known), known
    levels = [(sums, weights)]
    for _ in range(LEVELS):
        sums, weights = _pooled(sums, 2), _pooled(weights, 2)
        gain = _gain(weights)
        sums, weights = ops.multiply(sums, gain), ops.multiply(weights, gain)
        levels.append((sums, weights))
    mean = ops.divide(_mean(sums), ops.maximum(_mean(weights), np.float32(LEAST)))
    colours = _relaxed(sums, ops.tile(mean, TIMES), weights, ROUNDS[-1])
    for (sums, weights), rounds in zip(reversed(levels[:-1]), reversed(ROUNDS[:-1]), strict=True):
        colours = _relaxed(sums, _larger(colours, 2), weights, rounds)
    return colours


def _relaxed(sums: Node, coarse: Node, weights: Node, rounds: int) -> Node:
    unknown = ops.subtract(np.float32(1), weights)
    colours = ops.add(ops.tile(sums, TIMES), ops.multiply(coarse, unknown))
    edges = np.array([0, 0, 1, 1])
    for _ in range(rounds):
        framed = ops.pad(colours, edges, edges, "edge")
        near = ops.group_convolution(framed, KERNELS, [1, 1], [0, 0], [0, 0], [1, 1])
        colours = ops.add(colours, ops.multiply(ops.subtract(near, colours), unknown))
    return colours


def _gain(weights: Node) -> Node:
    full = ops.minimum(ops.multiply(weights, np.float32(SATURATION)), np.float32(1))
    return ops.divide(full, ops.maximum(weights, np.float32(LEAST)))


def _known_light(picture: Node, known: Node) -> tuple[Node, Node]:
    """As `models.membrane.known_light`."""
    axes = np.array([2, 3])
    count = ops.maximum(ops.reduce_sum(known, axes, keep_dims=True), np.float32(1))
    mean = ops.divide(ops.reduce_sum(ops.multiply(picture, known), axes, keep_dims=True), count)
    off = ops.subtract(picture, mean)
    squares = ops.reduce_sum(ops.multiply(ops.multiply(off, off), known), axes, keep_dims=True)
    spread = ops.sqrt(ops.reduce_mean(ops.divide(squares, count), np.array([1]), keep_dims=True))
    return mean, ops.maximum(spread, np.float32(FLATTEST))


def _bent(x: Node) -> Node:
    return ops.prelu(x, np.array([SLOPE], np.float32))


def _pooled(x: Node, side: int) -> Node:
    return ops.avg_pool(x, [side, side], [0, 0], [0, 0], [side, side], False)


def _mean(x: Node) -> Node:
    return ops.reduce_mean(x, np.array([2, 3]), keep_dims=True)


def _larger(x: Node, times: int) -> Node:
    return ops.interpolate(
        x, np.array([times, times], np.float32), "linear_onnx", "scales",
        coordinate_transformation_mode="half_pixel", axes=np.array([2, 3]),
    )  # fmt: skip


def _unshuffled(x: Node, side: int) -> Node:
    return ops.space_to_depth(x, "depth_first", side)


def _shuffled(x: Node, side: int) -> Node:
    return ops.depth_to_space(x, "depth_first", side)
