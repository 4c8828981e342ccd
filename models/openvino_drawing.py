"""What networks drawn in OpenVINO's own operators have in common: convolutions, slices, Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.quiet_openvino import ops

Node = Any  # openvino's are untyped
Floats = NDArray[np.float32]


def conv(x: Node, weight: Floats, bias: Floats | None, stride: int = 1, edge: int = 0) -> Node:
    """A convolution; each side is padded with `edge` zeros. The weights are no copy: they have to outlive the graph."""
    edges = [edge, edge]
    made = ops.convolution(x, ops.constant(weight, shared_memory=True), [stride, stride], edges, edges, [1, 1])
    return made if bias is None else ops.add(made, bias.reshape(1, -1, 1, 1))


def forth(x: Node, wide: Node, tall: Node, colours: int, height: int, width: int) -> Node:
    """As `models.lama_fourier.forth_by_products`."""
    half = width // 2 + 1
    rows = shaped(ops.matmul(x, wide, False, False), colours, height, 2, half)
    stacked = shaped(ops.transpose(rows, [0, 1, 3, 2, 4]), colours, 2 * height, half)
    return shaped(ops.matmul(tall, stacked, False, False), 2 * colours, height, half)


def back(spectrum: Node, tall: Node, narrow: Node, colours: int, height: int, width: int) -> Node:
    """As `models.lama_fourier.back_by_products`."""
    half = width // 2 + 1
    stacked = shaped(spectrum, colours, 2 * height, half)
    columns = shaped(ops.matmul(tall, stacked, True, False), colours, 2, height, half)
    rows = shaped(ops.transpose(columns, [0, 1, 3, 2, 4]), colours, height, 2 * half)
    return ops.matmul(rows, narrow, False, False)


def channels(x: Node, start: int, stop: int) -> Node:
    """Some of the channels."""
    return ops.slice(x, np.array([start]), np.array([stop]), np.array([1]), np.array([1]))


def shaped(x: Node, *sides: int) -> Node:
    """One picture, of other sides."""
    return ops.reshape(x, np.array([1, *sides]), special_zero=False)
