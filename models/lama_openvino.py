"""The folded generator drawn in OpenVINO's own operators, for one size of canvas.

Drawn in a moment, where torch's exporter needs a minute and makes a file of 200 MB that no size is fixed in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import Tensor, nn

from models.lama_folded import LOCAL, Folded, Mixed, Spectral
from models.lama_fourier import matrices

Node = Any  # openvino's are untyped
STEPS = [0, 0]  # what a convolution's padding is: none, the edges are mirrored before


def graph(network: Folded, height: int, width: int) -> Any:
    """Takes uint8 [1, H, W, 4] of B, G, R, hole; gives what the network gives: float [1, 3, H, W]."""
    canvas = ops.parameter([1, height, width, 4], np.uint8)
    planes = ops.divide(ops.transpose(ops.convert(canvas, "f32"), [0, 3, 1, 2]), np.float32(255))
    blue, green, red, hole = ops.split(planes, 1, 4).outputs()
    known = ops.subtract(np.float32(1), hole)
    x = ops.concat([*(ops.multiply(colour, known) for colour in (red, green, blue)), hole], 1)
    for layer, edge in zip(network.downwards, (3, 1, 1, 1), strict=True):
        x = ops.relu(_conv(_mirrored(x, edge), layer))
    draw = _Resnet(height // 8, width // 8)
    for first, second in zip(network.firsts, network.seconds, strict=True):
        x = ops.add(x, draw.mixed(draw.mixed(x, first), second))
    for layer in network.upwards:
        x = ops.relu(_wider(x, layer))
    return openvino.Model([ops.sigmoid(_conv(_mirrored(x, 3), network.head))], [canvas], "big-lama")


class _Resnet:
    """Draws layers for one size; their Fourier transforms share their matrices."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.half = height, width // 2 + 1
        by = matrices(height, width, torch.empty(0))
        self.wide, self.tall, self.narrow = (ops.constant(_array(part)) for part in by)

    def mixed(self, x: Node, layer: nn.Module) -> Node:
        assert isinstance(layer, Mixed)
        framed = _mirrored(x, 1)
        near = _conv(framed, layer.to_local)
        far = ops.add(
            _conv(_channels(framed, 0, LOCAL), layer.to_global),
            self.spectral(_channels(x, LOCAL, layer.to_local.in_channels), layer.spectral),
        )
        return ops.relu(ops.concat([near, far], 1))

    def spectral(self, x: Node, layer: Spectral) -> Node:
        x = ops.relu(_conv(x, layer.before))
        spectrum = ops.relu(_conv(self.forth(x, layer.before.out_channels), layer.mixing))
        return _conv(ops.add(x, self.back(spectrum, layer.before.out_channels)), layer.after)

    def forth(self, x: Node, colours: int) -> Node:
        rows = _shaped(ops.matmul(x, self.wide, False, False), colours, self.height, 2, self.half)
        stacked = _shaped(ops.transpose(rows, [0, 1, 3, 2, 4]), colours, 2 * self.height, self.half)
        return _shaped(ops.matmul(self.tall, stacked, False, False), 2 * colours, self.height, self.half)

    def back(self, spectrum: Node, colours: int) -> Node:
        stacked = _shaped(spectrum, colours, 2 * self.height, self.half)
        columns = _shaped(ops.matmul(self.tall, stacked, True, False), colours, 2, self.height, self.half)
        rows = _shaped(ops.transpose(columns, [0, 1, 3, 2, 4]), colours, self.height, 2 * self.half)
        return ops.matmul(rows, self.narrow, False, False)


def _conv(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.Conv2d)
    made = ops.convolution(x, _weights(layer), list(layer.stride), STEPS, STEPS, [1, 1])
    return made if layer.bias is None else ops.add(made, _array(layer.bias[None, :, None, None]))


def _wider(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.ConvTranspose2d)
    assert layer.bias is not None
    made = ops.convolution_backprop_data(
        x, _weights(layer), [2, 2], pads_begin=[1, 1], pads_end=[1, 1], output_padding=[1, 1]
    )
    return ops.add(made, _array(layer.bias[None, :, None, None]))


def _mirrored(x: Node, edge: int) -> Node:
    edges = np.array([0, 0, edge, edge])
    return ops.pad(x, edges, edges, "reflect")


def _channels(x: Node, start: int, stop: int) -> Node:
    return ops.slice(x, np.array([start]), np.array([stop]), np.array([1]), np.array([1]))


def _shaped(x: Node, *sides: int) -> Node:
    return ops.reshape(x, np.array([1, *sides]), special_zero=False)


def _weights(layer: nn.Conv2d | nn.ConvTranspose2d) -> Node:
    """Not a copy: the network has to outlive the graph."""
    return ops.constant(_array(layer.weight), shared_memory=True)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().float().numpy()
