"""The generator of big-lama as it runs: batch norms folded away, convolutions merged, each edge padded once.

Computes what `models.lama_network` does, in a third of the operators.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from models.canvas import FIXED
from models.lama_fourier import Matrices, back_by_products, forth_by_products, matrices
from models.lama_network import DEEPEST, FFC, GLOBAL, Block, Generator, Layer, SpectralTransform

Part = TypeVar("Part", bound=nn.Module)
LOCAL = DEEPEST - GLOBAL


class Spectral(nn.Module):
    """A spectral transform with its norms in its convolutions, and the scale of the layer's in the last."""

    def __init__(self, source: SpectralTransform, scale: Tensor) -> None:
        super().__init__()
        conv, norm = source.conv1[0], source.conv1[1]
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        self.before = _conv(conv.weight, *_scale_shift(norm))
        self.mixing = _conv(source.fu.conv_layer.weight, *_scale_shift(source.fu.bn))
        self.after = _conv(source.conv2.weight, scale, None)

    def forward(self, x: Tensor, by: Matrices) -> Tensor:
        x = torch.relu(self.before(x))
        spectrum = torch.relu(self.mixing(forth_by_products(x, by)))
        return self.after(x + back_by_products(spectrum, by))  # type: ignore[no-any-return]


class Mixed(nn.Module):
    """A layer of the resnet. Local channels come first, then global ones, in one tensor."""

    def __init__(self, source: Layer) -> None:
        super().__init__()
        ffc = source.ffc
        scale, shift = _scale_shift(source.bn_l)
        self.to_local = _conv(torch.cat([ffc.convl2l.weight, _there(ffc.convg2l).weight], 1), scale, shift)
        scale, shift = _scale_shift(_there(source.bn_g))
        self.to_global = _conv(_there(ffc.convl2g).weight, scale, shift)
        self.spectral = Spectral(_there(ffc.convg2g), scale)

    def forward(self, x: Tensor, by: Matrices) -> Tensor:
        framed = _reflected(x, 1)
        far = self.to_global(framed[:, :LOCAL]) + self.spectral(x[:, LOCAL:], by)
        return torch.relu(torch.cat([self.to_local(framed), far], 1))


class Folded(nn.Module):
    """As `Generator`, but takes the hole first: [B, 4, H, W] of hole (0 and 1), R, G, B (0..1), whatever they are in
    the hole, to a tuple of one: RGB [B, 3, H, W], 0..1. Sides are multiples of 8, at least 16."""

    channels = 4  # of a canvas: B, G, R, hole; see `models.engines`
    drawing = "models.lama_openvino:graph"
    fixed = True
    sizes = len(FIXED)

    def __init__(self, source: Generator) -> None:
        super().__init__()
        layers = list(source.model)
        self.downwards = nn.ModuleList(_downwards(layer) for layer in layers[1:5])
        blocks = [layer for layer in layers if isinstance(layer, Block)]
        self.firsts = nn.ModuleList(Mixed(block.conv1) for block in blocks)
        self.seconds = nn.ModuleList(Mixed(block.conv2) for block in blocks)
        self.upwards = nn.ModuleList(
            _transposed(layer, norm) for layer, norm in pairwise(layers) if isinstance(layer, nn.ConvTranspose2d)
        )
        self.head = deepcopy(layers[-2])  # the source stays its own
        self.eval().requires_grad_(False)

    def forward(self, canvas: Tensor) -> tuple[Tensor]:
        hole = canvas[:, :1]
        x = torch.cat([canvas[:, 1:] * (1 - hole), hole], 1)
        for layer, edge in zip(self.downwards, (3, 1, 1, 1), strict=True):
            x = torch.relu(layer(_reflected(x, edge)))
        by = matrices(x.shape[2], x.shape[3], x)
        for first, second in zip(self.firsts, self.seconds, strict=True):
            x = x + second(first(x, by), by)
        for layer in self.upwards:
            x = torch.relu(layer(x))
        return (torch.sigmoid(self.head(_reflected(x, 3))),)


def _downwards(layer: nn.Module) -> nn.Conv2d:
    """Local to local, and to global where there are such: both see the same."""
    assert isinstance(layer, Layer)
    ffc: FFC = layer.ffc
    weight, (scale, shift) = ffc.convl2l.weight, _scale_shift(layer.bn_l)
    if ffc.convl2g is not None:
        further, beyond = _scale_shift(_there(layer.bn_g))
        weight = torch.cat([weight, ffc.convl2g.weight])
        scale, shift = torch.cat([scale, further]), torch.cat([shift, beyond])
    return _conv(weight, scale, shift, ffc.convl2l.stride[0])


def _conv(weight: Tensor, scale: Tensor, shift: Tensor | None, stride: int = 1) -> nn.Conv2d:
    """A convolution whose answer is scaled and shifted."""
    outputs, inputs, side, _ = weight.shape
    with torch.device("meta"):  # no need to draw weights at random
        conv = nn.Conv2d(inputs, outputs, side, stride, bias=shift is not None)
    conv.weight = nn.Parameter(weight.detach() * scale[:, None, None, None])
    if shift is not None:
        conv.bias = nn.Parameter(shift)
    return conv


def _transposed(source: nn.ConvTranspose2d, norm: nn.Module) -> nn.ConvTranspose2d:
    assert isinstance(norm, nn.BatchNorm2d)
    assert source.bias is not None
    scale, shift = _scale_shift(norm)
    inputs, outputs = source.weight.shape[:2]
    with torch.device("meta"):
        conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
    conv.weight = nn.Parameter(source.weight.detach() * scale[None, :, None, None])
    conv.bias = nn.Parameter(source.bias.detach() * scale + shift)
    return conv


def _scale_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm does in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale


def _reflected(x: Tensor, edge: int) -> Tensor:
    return pad(x, (edge, edge, edge, edge), mode="reflect")


def _there(part: Part | None) -> Part:
    assert part is not None, "the layers of the resnet have all parts"
    return part
