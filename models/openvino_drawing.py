"""What networks drawn in OpenVINO's own operators have in common: convolutions, slices, Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import Tensor, nn

Node = Any  # openvino's are untyped


def conv(x: Node, layer: nn.Module, edges: Sequence[Any] = (0, 0)) -> Node:
    """A convolution with its bias; `edges`: by how much each side is padded with zeros, down and across."""
    assert isinstance(layer, nn.Conv2d)
    made = ops.convolution(x, weights(layer), list(layer.stride), list(edges), list(edges), [1, 1])
    return made if layer.bias is None else ops.add(made, array(layer.bias[None, :, None, None]))


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


def weights(layer: nn.Conv2d | nn.ConvTranspose2d) -> Node:
    """Not a copy: the network has to outlive the graph."""
    return ops.constant(array(layer.weight), shared_memory=True)


def array(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor's numbers."""
    return tensor.detach().float().numpy()
