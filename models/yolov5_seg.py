"""The YOLOv5 segmentation network, its sizes read from the weights themselves; knows neither pictures nor boxes.

Layout and numbering follow YOLOv5 6.x and 7.0 (`yolov5s-seg.yaml` and its siblings), so that the names of a published
state dict fit one to one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.base import ModelError
from models.blocks import C3, SPPF, Concat, Conv, Proto

STRIDES = (8, 16, 32)
_BACKBONE = (("conv", 6, 2), ("conv", 3, 2), "c3", ("conv", 3, 2), "c3", ("conv", 3, 2), "c3", ("conv", 3, 2), "c3")
_HEAD_INPUTS = (17, 20, 23)
_SAVED = {4, 6, 10, 14, 17, 20, 23}
_JOINS = {12: 6, 16: 4, 19: 14, 22: 10}  # layer: the earlier one that it concatenates


class Raw(NamedTuple):
    """The head's output before decoding: per stride logits [B, anchors * (5 + classes + 32), h, w]; prototype masks
    [B, 32, H / 4, W / 4]."""

    levels: tuple[Tensor, ...]
    prototypes: Tensor


class Head(nn.Module):
    """One 1x1 convolution per stride, and the prototype masks from the finest level."""

    anchors: Tensor  # [strides, anchors, 2], width and height in units of the stride

    def __init__(self, widths: tuple[int, ...], outputs: int, anchors: int, hidden: int, masks: int) -> None:
        super().__init__()
        self.masks = masks
        self.classes = outputs // anchors - 5 - masks
        self.register_buffer("anchors", torch.zeros(len(widths), anchors, 2))
        self.m = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in widths)
        self.proto = Proto(widths[0], hidden, masks)
        self.proto.upsample = nn.Upsample(scale_factor=2, mode="nearest")  # Ultralytics' newer one is learned

    def forward(self, features: list[Tensor]) -> Raw:
        levels = tuple(conv(feature) for conv, feature in zip(self.m, features, strict=True))
        return Raw(levels, self.proto(features[0]))


class YoloV5Seg(nn.Module):
    """Takes float RGB 0..1 [B, 3, H, W], H and W multiples of 32."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Build the network that fits `state` and load it strictly. Raises ModelError where it is no YOLOv5-seg."""
        super().__init__()
        try:
            self.model = nn.ModuleList(_layers(state))
            _mend(self)
            self.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
        except (KeyError, IndexError, RuntimeError) as error:
            raise ModelError(f"these weights are not those of a YOLOv5 segmentation network: {error}") from error
        self.eval().requires_grad_(False)

    @property
    def head(self) -> Head:
        """Anchors, and how many classes and prototype masks (32) there are."""
        head = self.model[-1]
        assert isinstance(head, Head)
        return head

    def forward(self, x: Tensor) -> Raw:
        saved: dict[int, Tensor] = {}
        for index, layer in enumerate(list(self.model)[:-1]):
            x = layer([x, saved[_JOINS[index]]] if index in _JOINS else x)
            if index in _SAVED:
                saved[index] = x
        raw: Raw = self.head([saved[index] for index in _HEAD_INPUTS])
        return raw

    def fuse(self) -> YoloV5Seg:
        """Fold every batch normalisation into its convolution: the same function, a third fewer kernels."""
        for block in self.modules():
            if isinstance(block, Conv):
                block.conv = torch.nn.utils.fuse_conv_bn_eval(block.conv, block.bn)
                block.bn = nn.Identity()
            if isinstance(block, nn.SiLU):
                block.inplace = True
        return self


def _layers(state: Mapping[str, Tensor]) -> list[nn.Module]:
    """Backbone 0-9, neck 10-23, head 24; widths and depths as found in the state dict."""

    def width(index: int) -> int:
        name = f"model.{index}.conv.weight"
        return int((state[name] if name in state else _last(state, index)).shape[0])

    def depth(index: int) -> int:
        found = [re.match(rf"model\.{index}\.m\.(\d+)\.", name) for name in state]
        return 1 + max(int(match[1]) for match in found if match)

    def c3(index: int, inputs: int, shortcut: bool) -> Any:
        return C3(inputs, width(index), depth(index), shortcut)

    layers: list[nn.Module] = []
    channels = 3
    for index, kind in enumerate(_BACKBONE):
        if isinstance(kind, str):
            layers.append(c3(index, channels, True))
        else:
            layers.append(Conv(channels, width(index), kind[1], kind[2], 2 if kind[1] == 6 else None))
        channels = width(index)
    layers.append(SPPF(channels, width(9), 5))
    for index, before in ((10, 9), (14, 13)):  # top down
        layers += [Conv(width(before), width(index), 1, 1), nn.Upsample(scale_factor=2, mode="nearest"), Concat()]
        layers.append(c3(index + 3, width(index) + width(_JOINS[index + 2]), False))
    for index in (18, 21):  # bottom up
        layers += [Conv(width(index - 1), width(index), 3, 2), Concat()]
        layers.append(c3(index + 2, width(index) + width(_JOINS[index + 1]), False))
    layers.append(_head(state, tuple(width(index) for index in _HEAD_INPUTS)))
    return layers


def _last(state: Mapping[str, Tensor], index: int) -> Tensor:
    """The convolution that a C3 (`cv3`) or SPPF (`cv2`) block ends with."""
    name = f"model.{index}.cv3.conv.weight"
    return state[name if name in state else f"model.{index}.cv2.conv.weight"]


def _head(state: Mapping[str, Tensor], widths: tuple[int, ...]) -> Head:
    hidden, masks = state["model.24.proto.cv1.conv.weight"].shape[0], state["model.24.proto.cv3.conv.weight"].shape[0]
    return Head(widths, state["model.24.m.0.weight"].shape[0], state["model.24.anchors"].shape[1], hidden, masks)


def _mend(network: nn.Module) -> None:
    """Undo where today's building blocks differ from those that YOLOv5 was trained with."""
    for block in network.modules():
        if isinstance(block, nn.BatchNorm2d):
            block.eps = 1e-3
        if isinstance(block, SPPF):
            block.cv1.act = nn.SiLU()
