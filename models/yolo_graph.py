"""The YOLOv5 and YOLOv7 networks, built by their checkpoint's plan; knows neither pictures nor boxes.

The plan is the `yaml` that a checkpoint carries: rows of [from, repeats, kind, arguments], where `from` counts back
from the row itself or names an earlier one. Names and numbers are those of the published state dicts, which fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from models.base import ModelError
from models.blocks import C3, SPPF, Concat, Conv
from models.restricted_pickle import Checkpoint, Record
from models.yolo_heads import Head, ImplicitDetect, ImplicitHead
from models.yolo_pickled import follow


class Pool(nn.Module):
    """YOLOv7's MP: halves both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.m = nn.MaxPool2d(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.m(x)  # type: ignore[no-any-return]


class StillPool(nn.Module):
    """YOLOv7's SP: keeps both sides."""

    def __init__(self, side: int = 3) -> None:
        super().__init__()
        self.m = nn.MaxPool2d(side, 1, side // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.m(x)  # type: ignore[no-any-return]


class PyramidPool(nn.Module):
    """YOLOv7's SPPCSPC: maxima over 5, 9 and 13 pixels beside a short cut."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(inputs, width, 1, 1), Conv(inputs, width, 1, 1)
        self.cv3, self.cv4 = Conv(width, width, 3, 1), Conv(width, width, 1, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(side, 1, side // 2) for side in (5, 9, 13))
        self.cv5, self.cv6 = Conv(4 * width, width, 1, 1), Conv(width, width, 3, 1)
        self.cv7 = Conv(2 * width, width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.cv4(self.cv3(self.cv1(x)))
        pooled = self.cv6(self.cv5(torch.cat([deep, *(pool(deep) for pool in self.m)], 1)))
        return self.cv7(torch.cat((pooled, self.cv2(x)), 1))  # type: ignore[no-any-return]


class Rep(nn.Module):
    """YOLOv7's RepConv: three ways side by side (Ding et al., RepVGG, 2021)."""

    def __init__(self, inputs: int, width: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.act = nn.SiLU()
        if inputs == width and stride == 1:
            self.rbr_identity = nn.BatchNorm2d(inputs)
        self.rbr_dense = _normed(inputs, width, kernel, stride)
        self.rbr_1x1 = _normed(inputs, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        summed = self.rbr_dense(x) + self.rbr_1x1(x)
        if hasattr(self, "rbr_identity"):
            summed = summed + self.rbr_identity(x)
        return self.act(summed)  # type: ignore[no-any-return]


def _normed(inputs: int, width: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width))


class Graph(nn.Module):
    """Takes float RGB 0..1 [B, 3, H, W], H and W multiples of 32.

    Gives the head's output before decoding: per stride logits [B, anchors * (5 + classes + 32), h, w]; then prototype
    masks [B, 32, H / 4, W / 4]. Without masks neither 32 nor these.
    """

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Build the network of the plan and load it strictly. Raises ModelError where plan and tensors do not fit."""
        super().__init__()
        try:
            layers, self._sources = build(pickled.get("yaml"))
            self.model = nn.ModuleList(layers)
            follow(self, pickled)
            self.load_state_dict({name: value.float() for name, value in checkpoint.state_dict(pickled).items()})
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            said = shorten(str(error), 300)
            kind = "detection" if pickled.kind.endswith((".DetectionModel", ".Model")) else "segmentation"
            raise ModelError(f"{checkpoint.path}: no YOLOv5 or YOLOv7 {kind} network: {said}") from error
        self._wanted = {index for sources in self._sources for index in sources}
        self.eval().requires_grad_(False)

    @property
    def head(self) -> Head:
        """Anchors, and how many classes and prototype masks (32) there are."""
        head = self.model[-1]
        assert isinstance(head, Head)
        return head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        results: dict[int, Tensor] = {-1: x}
        for index, (layer, sources) in enumerate(zip(self.model, self._sources, strict=True)):
            inputs = [results[source] for source in sources]
            answer = layer(inputs if isinstance(layer, Concat | Head) else inputs[0])
            if index in self._wanted:
                results[index] = answer
        return answer  # type: ignore[no-any-return]

    def fuse(self) -> Graph:
        """Fold every batch normalisation into its convolution: the same function, a third fewer kernels."""
        for block in self.modules():
            if isinstance(block, Conv):
                block.conv = torch.nn.utils.fuse_conv_bn_eval(block.conv, block.bn)
                block.bn = nn.Identity()
            if isinstance(block, nn.SiLU):
                block.inplace = True
            if isinstance(block, Head):
                block.fold()
        return self


def build(plan: Any) -> tuple[list[nn.Module], list[list[int]]]:
    """The layers of a plan, and for each the indices of those it reads (-1: the picture).

    Raises KeyError, IndexError, TypeError or ValueError where the plan is none of these networks'.
    """
    layers: list[nn.Module] = []
    sources: list[list[int]] = []
    widths = {-1: int(plan.get("ch", 3))}
    for index, (source, repeats, kind, arguments) in enumerate(plan["backbone"] + plan["head"]):
        read = [index + one if one < 0 else one for one in (source if isinstance(source, list) else [source])]
        inputs = [widths[one] for one in read]
        layer, widths[index] = _KINDS[kind](plan, inputs, repeats, arguments)
        layers.append(layer)
        sources.append(read)
    if not isinstance(layers[-1], Head):
        raise ValueError(f"its last layer is {kind!r}, which finds nothing")
    return layers, sources


Layer = tuple[nn.Module, int]  # and how many channels come out


def _width(plan: Any, channels: int) -> int:
    return int(math.ceil(channels * plan["width_multiple"] / 8) * 8)


def _conv(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    width = _width(plan, arguments[0])
    # What may come after kernel, stride, padding and groups is an activation: that is taken from what is pickled.
    numbers = [None if one == "None" else one for one in arguments[1:5]]
    return Conv(inputs[0], width, *numbers), width


def _rep(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    width = _width(plan, arguments[0])
    return Rep(inputs[0], width, *arguments[1:3]), width


def _still(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    return StillPool(*arguments[:1]), inputs[0]


def _c3(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    width, depth = _width(plan, arguments[0]), max(round(repeats * plan["depth_multiple"]), 1)
    return C3(inputs[0], width, depth, *arguments[1:]), width


def _sppf(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    width = _width(plan, arguments[0])
    return SPPF(inputs[0], width, *arguments[1:]), width


def _pyramid(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    width = _width(plan, arguments[0])
    return PyramidPool(inputs[0], width), width


def _pool(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    return Pool(), inputs[0]


def _upsample(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    return nn.Upsample(scale_factor=arguments[1], mode=arguments[2]), inputs[0]


def _concat(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
    return Concat(*arguments), sum(inputs)


def _head(of: type[Head]) -> Callable[[Any, list[int], int, list[Any]], Layer]:
    def made(plan: Any, inputs: list[int], repeats: int, arguments: list[Any]) -> Layer:
        anchors = plan["anchors"]
        count = anchors if isinstance(anchors, int) else len(anchors[0]) // 2
        masks, hidden = (arguments[2], _width(plan, arguments[3])) if len(arguments) > 2 else (0, 0)
        return of(inputs, plan["nc"], count, masks, hidden), 0

    return made


_KINDS: dict[str, Callable[[Any, list[int], int, list[Any]], Layer]] = {
    "Conv": _conv,
    "C3": _c3,
    "SPPF": _sppf,
    "SPPCSPC": _pyramid,
    "MP": _pool,
    "nn.Upsample": _upsample,
    "Concat": _concat,
    "Segment": _head(Head),
    "ISegment": _head(ImplicitHead),
    "Detect": _head(Head),
    "IDetect": _head(ImplicitDetect),
    "RepConv": _rep,
    "SP": _still,
}
