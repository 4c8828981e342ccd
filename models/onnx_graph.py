"""OnnxGraph: a network from an ONNX file of a few plain operators, as torch runs it; knows no particular network.

The file is data: nothing of it is run but the operators below. As a torch network it goes to every engine and device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.base import ModelError

Weights = dict[str, Tensor]


class Sum(nn.Module):
    """Adds two."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return one + other


class Scale(nn.Module):
    """A batch norm that has learned all it will: a factor and a shift for each channel."""

    factor: Tensor
    shift: Tensor

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor.view(1, -1, 1, 1))
        self.register_buffer("shift", shift.view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift


class OnnxGraph(nn.Module):
    """Takes [B, C, H, W] of any size that its strides divide, gives the file's outputs in their order."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError: no such file, or operators that are not among those known here."""
        super().__init__()
        graph = _read(path)
        held = dict(_tensors(graph))
        inputs = [one.name for one in graph.input if one.name not in held]
        if len(inputs) != 1:
            raise ModelError(f"{path}: takes {inputs}, but one picture is what there is")
        self._steps: list[tuple[tuple[str, ...], str]] = []
        layers = []
        for node in graph.node:
            if node.op_type not in _LAYERS:
                raise ModelError(f"{path}: operator {node.op_type} is none of {', '.join(sorted(_LAYERS))}")
            try:
                layers.append(_LAYERS[node.op_type](node, held))
            except (KeyError, IndexError, RuntimeError, ValueError) as error:
                raise ModelError(f"{path}: {node.op_type} {node.output[0]}: {' '.join(str(error).split())}") from error
            self._steps.append((tuple(name for name in node.input if name not in held), node.output[0]))
        self._input, self._outputs = inputs[0], tuple(one.name for one in graph.output)
        self.layers = nn.ModuleList(layers)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        known = {self._input: x}
        for layer, (names, output) in zip(self.layers, self._steps, strict=True):
            known[output] = layer(*(known[name] for name in names))
        return tuple(known[name] for name in self._outputs)


def _read(path: Path) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"{path}: to be read it takes the package onnx; next: pip install onnx") from error
    try:
        return onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf's errors share no class
        raise ModelError(f"{path}: no ONNX file: {(str(error).strip() or 'damaged').splitlines()[0]}") from error


def _tensors(graph: Any) -> Iterator[tuple[str, Tensor]]:
    from onnx import numpy_helper

    for one in graph.initializer:
        yield one.name, torch.from_numpy(np.array(numpy_helper.to_array(one)))


def _options(node: Any) -> dict[str, Any]:
    return {one.name: list(one.ints) or one.i or one.f for one in node.attribute}


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    down, across = numbers
    return down, across


def _same_ends(pads: list[int]) -> tuple[int, int]:
    if pads[:2] != pads[2:]:
        raise ValueError(f"{pads = }: more at one end than at the other")
    return _pair(pads[:2])


def _conv(node: Any, held: Weights) -> nn.Module:
    options, weight = _options(node), held[node.input[1]]
    layer = nn.Conv2d(
        weight.shape[1] * options.get("group", 1),
        weight.shape[0],
        _pair(weight.shape[2:]),
        _pair(options.get("strides", (1, 1))),
        _same_ends(options.get("pads", [0] * 4)),
        _pair(options.get("dilations", (1, 1))),
        options.get("group", 1),
        bias=len(node.input) > 2,
    )
    return _loaded(layer, node, held)


def _deconv(node: Any, held: Weights) -> nn.Module:
    options, weight = _options(node), held[node.input[1]]
    layer = nn.ConvTranspose2d(
        weight.shape[0],
        weight.shape[1] * options.get("group", 1),
        _pair(weight.shape[2:]),
        _pair(options.get("strides", (1, 1))),
        _same_ends(options.get("pads", [0] * 4)),
        groups=options.get("group", 1),
        bias=len(node.input) > 2,
        dilation=_pair(options.get("dilations", (1, 1))),
    )
    return _loaded(layer, node, held)


def _loaded(layer: nn.Conv2d | nn.ConvTranspose2d, node: Any, held: Weights) -> nn.Module:
    names = ("weight", "bias")[: len(node.input) - 1]
    layer.load_state_dict({name: held[given] for name, given in zip(names, node.input[1:], strict=True)})
    return layer


def _norm(node: Any, held: Weights) -> nn.Module:
    weight, bias, mean, variance = (held[name] for name in node.input[1:5])
    factor = weight / torch.sqrt(variance + _options(node).get("epsilon", 1e-5))
    return Scale(factor, bias - mean * factor)


_LAYERS: dict[str, Callable[[Any, Weights], nn.Module]] = {
    "Conv": _conv,
    "ConvTranspose": _deconv,
    "BatchNormalization": _norm,
    "Relu": lambda node, held: nn.ReLU(),
    "Sigmoid": lambda node, held: nn.Sigmoid(),
    "Add": lambda node, held: Sum(),
}
