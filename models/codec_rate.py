"""About how many bits rounded numbers will take: what training pays for; the coder itself counts with tables."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FLOOR = 0.02  # a bit cheaper than this nothing gets, of the wanted probability
GROUP = 8  # channels that are coded one after another


class Rate(nn.Module):
    """Bits of numbers [B, C, h, w] in steps: each a Laplace distribution whose width is guessed from its channel, from
    its neighbours and from the channels before, which is what the real coder's contexts see."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.full((1, channels, 1, 1), -0.5))
        self.near = nn.Parameter(torch.full((1, channels, 1, 1), 0.4))
        self.before = nn.Parameter(torch.full((1, channels, 1, 1), 0.4))
        around = torch.ones(1, 1, 3, 3)
        around[:, :, 1, 1] = 0
        self.register_buffer("around", around / 8)

    def forward(self, numbers: Tensor, coded: Tensor) -> Tensor:
        """Bits [B, C, h, w]; `coded` [B, 1, h, w]: 0 where nothing is sent."""
        noisy = numbers + torch.rand_like(numbers) - 0.5
        width = torch.exp(self._log_width(numbers.detach().abs() * coded))
        return _nats(noisy.abs(), width) / math.log(2) * coded

    def _log_width(self, size: Tensor) -> Tensor:
        batch, channels, height, width = size.shape
        weight = self.get_buffer("around")
        near = F.conv2d(size.reshape(-1, 1, height, width), weight, padding=1).reshape(size.shape)
        groups = size.reshape(batch, channels // GROUP, GROUP, height, width).mean(2)
        before = torch.cat([groups[:, :1] * 0, groups[:, :-1]], 1).repeat_interleave(GROUP, 1)
        near, before = (torch.log(part + FLOOR) for part in (near, before))
        return (self.base + self.near * near + self.before * before).clamp(-4, 5)


def _nats(size: Tensor, width: Tensor) -> Tensor:
    """Minus the logarithm of what a Laplace distribution holds within half a unit of `size`, which is not negative; far
    out, where that is too small to be told from nothing, by its own formula."""
    far = (size - 0.5).clamp_min(0) / width + math.log(2) - torch.log(-torch.expm1(-1 / width))
    inner = size.clamp_max(0.5)
    outside = (torch.exp((inner - 0.5) / width) + torch.exp(-(inner + 0.5) / width)) / 2
    return torch.where(size > 0.5, far, -torch.log((1 - outside).clamp_min(1e-9)))
