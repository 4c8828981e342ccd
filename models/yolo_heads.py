"""The last layers of YOLOv5 and YOLOv7, up to the decoding: for boxes, and for boxes with masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.blocks import Proto


class Implicit(nn.Module):
    """A learned vector, the same for every picture (Wang et al., You Only Learn One Representation, 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.implicit = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.implicit


class Head(nn.Module):
    """One 1x1 convolution per stride, and where there are masks their prototypes from the finest level."""

    anchors: Tensor  # [strides, anchors, 2], width and height in units of the stride

    def __init__(self, widths: Sequence[int], classes: int, anchors: int, masks: int, hidden: int) -> None:
        super().__init__()
        self.classes, self.masks = classes, masks
        self.register_buffer("anchors", torch.zeros(len(widths), anchors, 2))
        self.m = nn.ModuleList(nn.Conv2d(width, anchors * (5 + classes + masks), 1) for width in widths)
        if masks:
            self.proto = Proto(widths[0], hidden, masks)
            self.proto.upsample = nn.Upsample(scale_factor=2, mode="nearest")  # Ultralytics' newer one is learned

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        levels = tuple(conv(feature) for conv, feature in zip(self.m, features, strict=True))
        return (*levels, self.proto(features[0])) if self.masks else levels

    def fold(self) -> None:
        """Nothing to put into the convolutions."""


class ImplicitHead(Head):
    """YOLOv7's ISegment: adds a vector to each feature. Those of `im` are in the file, but nothing was trained with."""

    def __init__(self, widths: Sequence[int], classes: int, anchors: int, masks: int, hidden: int) -> None:
        super().__init__(widths, classes, anchors, masks, hidden)
        self.ia = nn.ModuleList(Implicit(width) for width in widths)
        self.im = nn.ModuleList(Implicit(anchors * (5 + classes)) for _ in widths)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        parts = zip(self.m, self.ia, features, strict=True)
        return *(conv(shift(feature)) for conv, shift, feature in parts), self.proto(features[0])

    def fold(self) -> None:
        """Put the shift before each convolution into its bias: the same function."""
        parts: Any = zip(self.m, self.ia, strict=True)
        for conv, shift in parts:
            conv.bias += conv.weight[:, :, 0, 0] @ shift.implicit.flatten()
        self.ia = nn.ModuleList(nn.Identity() for _ in self.m)


class ImplicitDetect(Head):
    """YOLOv7's IDetect: adds a vector to each feature, and multiplies each answer by one."""

    def __init__(self, widths: Sequence[int], classes: int, anchors: int, masks: int, hidden: int) -> None:
        super().__init__(widths, classes, anchors, masks, hidden)
        self.ia = nn.ModuleList(Implicit(width) for width in widths)
        self.im = nn.ModuleList(Implicit(anchors * (5 + classes)) for _ in widths)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        parts: Any = zip(self.m, self.ia, self.im, features, strict=True)
        return tuple(
            conv(shift(feature)) if isinstance(scale, nn.Identity) else conv(shift(feature)) * scale.implicit
            for conv, shift, scale, feature in parts
        )

    def fold(self) -> None:
        """Put both into each convolution: the same function."""
        parts: Any = zip(self.m, self.ia, self.im, strict=True)
        for conv, shift, scale in parts:
            conv.bias += conv.weight[:, :, 0, 0] @ shift.implicit.flatten()
            conv.bias *= scale.implicit.flatten()
            conv.weight *= scale.implicit.view(-1, 1, 1, 1)
        self.ia, self.im = (nn.ModuleList(nn.Identity() for _ in self.m) for _ in range(2))
