"""Robust Video Matting's MobileNetV3 network with random weights: what it costs, not what it knows.

Written after Lin et al. (WACV 2022), section 3; its layers, channels and strides are
those of the published network, so it takes as long.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.random_mobilenet import features

States = tuple[Tensor, Tensor, Tensor, Tensor]
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """MobileNetV3-Large, its last stage dilated: features of 16, 24, 40, 960 channels at strides 2, 4, 8, 16."""

    def __init__(self) -> None:
        super().__init__()
        layers = features()
        self.first, self.second = nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:4])
        self.third, self.fourth = nn.Sequential(*layers[4:7]), nn.Sequential(*layers[7:])
        self.mean = nn.Parameter(torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.spread = nn.Parameter(torch.tensor(SPREAD).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> States:
        first = self.first((image - self.mean) / self.spread)
        second = self.second(first)
        third = self.third(second)
        return first, second, third, self.fourth(third)


class Pooled(nn.Module):
    """Lite reduced atrous pooling: 960 channels to 128, each weighed by what the whole picture shows."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(960, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(True))
        self.two = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, 128, 1, bias=False), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        return self.one(features) * self.two(features)  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """A convolutional GRU on half of the channels; the other half passes by."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = channels // 2
        self.gates = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Sigmoid())
        self.fresh = nn.Sequential(nn.Conv2d(channels, self.width, 3, padding=1), nn.Tanh())

    def forward(self, both: Tensor, former: Tensor | None) -> tuple[Tensor, Tensor]:
        passed, seen = torch.split(both, [both.shape[1] - self.width, self.width], 1)
        state = torch.zeros_like(seen) if former is None else former
        forget, update = torch.split(self.gates(torch.cat([seen, state], 1)), self.width, 1)
        fresh = self.fresh(torch.cat([seen, forget * state], 1))
        state = (1 - update) * state + update * fresh
        return torch.cat([passed, state], 1), state


class Rise(nn.Module):
    """Twice the size: what comes from below, the features there, and the picture; then the recurrent unit."""

    def __init__(self, below: int, beside: int, out: int) -> None:
        super().__init__()
        self.mixed = nn.Sequential(
            nn.Conv2d(below + beside + 3, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(True)
        )
        self.recurrent = Recurrent(out)

    def forward(self, below: Tensor, beside: Tensor, image: Tensor, former: Tensor | None) -> tuple[Tensor, Tensor]:
        large = functional.interpolate(below, scale_factor=2.0, mode="bilinear", align_corners=False)
        large = large[:, :, : image.shape[2], : image.shape[3]]
        found: tuple[Tensor, Tensor] = self.recurrent(self.mixed(torch.cat([large, beside, image], 1)), former)
        return found


class Refiner(nn.Module):
    """The deep guided filter: linear functions of the colours, found small, applied to the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(24, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
            nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True), nn.Conv2d(16, 4, 1),
        )  # fmt: skip

    def forward(self, large: Tensor, small: Tensor, answer: Tensor, hidden: Tensor) -> Tensor:
        wide = torch.cat([large, large.mean(1, keepdim=True)], 1)
        low = torch.cat([small, small.mean(1, keepdim=True)], 1)
        mean, middle = functional.avg_pool2d(low, 3, 1, 1), functional.avg_pool2d(answer, 3, 1, 1)
        shared = functional.avg_pool2d(low * answer, 3, 1, 1) - mean * middle
        spread = functional.avg_pool2d(low * low, 3, 1, 1) - mean * mean
        slope = self.hidden(torch.cat([shared, spread, hidden], 1))
        offset = middle - slope * mean
        size = [large.shape[2], large.shape[3]]
        slope = functional.interpolate(slope, size, mode="bilinear", align_corners=False)
        offset = functional.interpolate(offset, size, mode="bilinear", align_corners=False)
        return slope * wide + offset


class RandomRvm(nn.Module):
    """`(src, r1, r2, r3, r4, downsample_ratio) -> (fgr, pha, r1, r2, r3, r4)`, states of 16, 20, 40, 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.pooled, self.deep = Encoder(), Pooled(), Recurrent(128)
        self.rise3, self.rise2, self.rise1 = Rise(128, 40, 80), Rise(80, 24, 40), Rise(40, 16, 32)
        self.last = nn.Sequential(
            nn.Conv2d(32 + 3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
            nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
        )  # fmt: skip
        self.answer, self.refiner = nn.Conv2d(16, 4, 1), Refiner()

    def forward(
        self,
        src: Tensor,
        r1: Tensor | None = None,
        r2: Tensor | None = None,
        r3: Tensor | None = None,
        r4: Tensor | None = None,
        downsample_ratio: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        small = src
        if downsample_ratio != 1.0:
            size = [int(src.shape[2] * downsample_ratio), int(src.shape[3] * downsample_ratio)]
            small = functional.interpolate(src, size, mode="bilinear", align_corners=False)
        first, second, third, fourth = self.encoder(small)
        half = functional.avg_pool2d(small, 2, 2, ceil_mode=True, count_include_pad=False)
        quarter = functional.avg_pool2d(half, 2, 2, ceil_mode=True, count_include_pad=False)
        eighth = functional.avg_pool2d(quarter, 2, 2, ceil_mode=True, count_include_pad=False)
        deep, r4 = self.deep(self.pooled(fourth), r4)
        up, r3 = self.rise3(deep, third, eighth, r3)
        up, r2 = self.rise2(up, second, quarter, r2)
        up, r1 = self.rise1(up, first, half, r1)
        large = functional.interpolate(up, scale_factor=2.0, mode="bilinear", align_corners=False)
        hidden = self.last(torch.cat([large[:, :, : small.shape[2], : small.shape[3]], small], 1))
        answer = self.answer(hidden)
        if downsample_ratio != 1.0:
            answer = self.refiner(src, small, answer, hidden)
        front, share = torch.split(answer, [3, 1], 1)
        return (front + src).clamp(0.0, 1.0), share.clamp(0.0, 1.0), r1, r2, r3, r4


def write(path: Path) -> Path:
    """As a TorchScript file, like the published ones."""
    torch.manual_seed(0)
    scripted: Any = torch.jit.script(RandomRvm().eval())
    scripted.save(str(path))
    return path
