"""The network of `infill` drawn in OpenVINO's own operators, for one size of canvas.

Drawn in a moment; torch's exporter takes many times as long as the first hundred crops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
import torch
from openvino import opset13 as ops
from torch import nn

from models.infill_network import (
    ASKED,
    CARRIED,
    CELL,
    GLOBAL,
    SLOPE,
    SPREAD,
    STRETCH,
    UNKNOWN,
    USUAL,
    Carrying,
    GlobalBlock,
    InfillNetwork,
)
from models.lama_fourier import matrices
from models.membrane import FLATTEST, LEAST, LEVELS, ROUNDS, SATURATION
from models.openvino_drawing import Node, array, back, channels, conv, forth, shaped

EDGE = 1e-12  # torch's least length of what is normalised
NEIGHBOURS = np.float32([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]]).reshape(1, 1, 1, 3, 3).repeat(3, 0)


def graph(network: InfillNetwork, height: int, width: int) -> Any:
    """Takes uint8 [1, H, W, 4] of B, G, R, hole; gives what the network gives: float [1, 3, H, W]."""
    canvas = ops.parameter([1, height, width, 4], np.uint8)
    planes = ops.divide(ops.transpose(ops.convert(canvas, "f32"), [0, 3, 1, 2]), np.float32(255))
    blue, green, red, hole = ops.split(planes, 1, 4).outputs()
    picture, known = ops.concat([red, green, blue], 1), ops.subtract(np.float32(1), hole)
    smooth = _membrane(picture, known)
    mean, spread = _known_light(picture, known)
    shown = ops.divide(ops.multiply(ops.subtract(smooth, mean), np.float32(SPREAD)), spread)
    fine = _bent(_padded(_unshuffled(ops.concat([shown, hole], 1), 2), network.enter))
    fine = ops.add(fine, _bent(_padded(fine, network.fine)))
    middle = _bent(_padded(fine, network.to_middle))
    middle = ops.add(middle, _bent(_padded(middle, network.middle)))
    deep = _bent(_padded(middle, network.to_deep))
    rows, columns = height // CELL, width // CELL
    by = [ops.constant(array(part)) for part in matrices(rows, columns, torch.empty(0))]
    for block in network.blocks:
        assert isinstance(block, GlobalBlock)
        deep = _block(deep, block, by, rows, columns)
    carried = _carried(deep, fine, hole, network.carrying, rows, columns)
    up = _shuffled(_padded(deep, network.from_deep), 2)
    up = _bent(_padded(ops.concat([up, middle], 1), network.join_middle))
    up = ops.add(up, _bent(_padded(up, network.again_middle)))
    up = _shuffled(_padded(up, network.from_middle), 2)
    up = _bent(_padded(ops.concat([up, fine, carried], 1), network.join_fine))
    residual = ops.multiply(_shuffled(_padded(up, network.leave), 2), ops.divide(spread, np.float32(USUAL)))
    return openvino.Model([ops.add(smooth, ops.multiply(hole, residual))], [canvas], "infill")


def _membrane(picture: Node, known: Node) -> Node:
    """As `models.membrane.membrane`."""
    sums, weights = ops.multiply(picture, known), known
    levels = [(sums, weights)]
    for _ in range(LEVELS):
        sums, weights = _pooled(sums, 2), _pooled(weights, 2)
        gain = _gain(weights)
        sums, weights = ops.multiply(sums, gain), ops.multiply(weights, gain)
        levels.append((sums, weights))
    mean = ops.divide(_mean(sums), ops.maximum(_mean(weights), np.float32(LEAST)))
    colours = _relaxed(sums, mean, weights)
    for sums, weights in reversed(levels[:-1]):
        colours = _relaxed(sums, _doubled(colours), weights)
    return colours


def _relaxed(sums: Node, coarse: Node, weights: Node) -> Node:
    unknown = ops.subtract(np.float32(1), weights)
    colours = ops.add(sums, ops.multiply(coarse, unknown))
    edges = np.array([0, 0, 1, 1])
    for _ in range(ROUNDS):
        framed = ops.pad(colours, edges, edges, "edge")
        near = ops.group_convolution(framed, NEIGHBOURS, [1, 1], [0, 0], [0, 0], [1, 1])
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


def _block(x: Node, block: GlobalBlock, by: list[Node], rows: int, columns: int) -> Node:
    """As `GlobalBlock`."""
    wide, tall, narrow = by
    y = _bent(_padded(x, block.near))
    mixed = channels(y, 0, GLOBAL)
    spectrum = _bent(_padded(forth(mixed, wide, tall, GLOBAL, rows, columns), block.mixing))
    mixed = ops.add(mixed, back(spectrum, tall, narrow, GLOBAL, rows, columns))
    return ops.add(x, _padded(ops.concat([mixed, channels(y, GLOBAL, 2 * GLOBAL)], 1), block.after))


def _carried(deep: Node, fine: Node, hole: Node, layer: Carrying, rows: int, columns: int) -> Node:
    """As `Carrying`."""
    places = rows * columns
    asking, asked = (
        ops.normalize_l2(shaped(_padded(deep, part), ASKED, places), np.array([1]), EDGE, "max")
        for part in (layer.asking, layer.asked)
    )
    unknown = ops.multiply(shaped(_pooled(hole, CELL), 1, places), np.float32(UNKNOWN))
    likeness = ops.multiply(ops.matmul(asking, asked, True, False), np.float32(layer.sharp.item()))
    shares = ops.softmax(ops.subtract(likeness, unknown), -1)
    cells = shaped(_unshuffled(_padded(fine, layer.detail), STRETCH), CARRIED * STRETCH**2, places)
    carried = shaped(ops.matmul(cells, shares, False, True), CARRIED * STRETCH**2, rows, columns)
    return _shuffled(carried, STRETCH)


def _padded(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.Conv2d)
    return conv(x, layer, list(layer.padding))


def _bent(x: Node) -> Node:
    return ops.prelu(x, np.float32([SLOPE]))


def _pooled(x: Node, side: int, stride: int | None = None, edge: int = 0) -> Node:
    step = stride or side
    return ops.avg_pool(x, [step, step], [edge, edge], [edge, edge], [side, side], False)


def _mean(x: Node) -> Node:
    return ops.reduce_mean(x, np.array([2, 3]), keep_dims=True)


def _doubled(x: Node) -> Node:
    return ops.interpolate(
        x, np.float32([2, 2]), "linear_onnx", "scales",
        coordinate_transformation_mode="half_pixel", axes=np.array([2, 3]),
    )  # fmt: skip


def _unshuffled(x: Node, side: int) -> Node:
    return ops.space_to_depth(x, "depth_first", side)


def _shuffled(x: Node, side: int) -> Node:
    return ops.depth_to_space(x, "depth_first", side)
