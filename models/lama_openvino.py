"""The folded generator drawn in OpenVINO's own operators, for one size of canvas.

Drawn in a moment, where torch's exporter needs a minute and makes a file of 200 MB that no size is fixed in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from models.lama_folded import LOCAL, Folded, Mixed, Spectral
from models.openvino_drawing import Floats, Node, back, channels, conv, forth
from models.quiet_openvino import openvino, ops
from models.waves import matrices


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
        self.height, self.width = height, width
        self.wide, self.tall, self.narrow = (ops.constant(part) for part in matrices(height, width))

    def mixed(self, x: Node, layer: nn.Module) -> Node:
        assert isinstance(layer, Mixed)
        framed = _mirrored(x, 1)
        near = _conv(framed, layer.to_local)
        far = ops.add(
            _conv(channels(framed, 0, LOCAL), layer.to_global),
            self.spectral(channels(x, LOCAL, layer.to_local.in_channels), layer.spectral),
        )
        return ops.relu(ops.concat([near, far], 1))

    def spectral(self, x: Node, layer: Spectral) -> Node:
        colours, sides = layer.before.out_channels, (self.height, self.width)
        x = ops.relu(_conv(x, layer.before))
        spectrum = ops.relu(_conv(forth(x, self.wide, self.tall, colours, *sides), layer.mixing))
        return _conv(ops.add(x, back(spectrum, self.tall, self.narrow, colours, *sides)), layer.after)


def _wider(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.ConvTranspose2d)
    assert layer.bias is not None
    weight = ops.constant(_array(layer.weight), shared_memory=True)
    made = ops.convolution_backprop_data(x, weight, [2, 2], pads_begin=[1, 1], pads_end=[1, 1], output_padding=[1, 1])
    return ops.add(made, _array(layer.bias[None, :, None, None]))


def _mirrored(x: Node, edge: int) -> Node:
    edges = np.array([0, 0, edge, edge])
    return ops.pad(x, edges, edges, "reflect")


def _conv(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.Conv2d)
    return conv(x, _array(layer.weight), None if layer.bias is None else _array(layer.bias), layer.stride[0])


def _array(tensor: Tensor) -> Floats:
    return tensor.detach().float().numpy()
