"""About how many bits rounded numbers will take: what training pays for; the coder itself counts with tables."""

from __future__ import annotations

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
        low, high = _below((noisy.abs() - 0.5) / width), _below((noisy.abs() + 0.5) / width)
        return -torch.log2((high - low).clamp_min(1e-6)) * coded

    def _log_width(self, size: Tensor) -> Tensor:
        batch, channels, height, width = size.shape
        weight = self.get_buffer("around")
        near = F.conv2d(size.reshape(-1, 1, height, width), weight, padding=1).reshape(size.shape)
        groups = size.reshape(batch, channels // GROUP, GROUP, height, width).mean(2)
        before = torch.cat([groups[:, :1] * 0, groups[:, :-1]], 1).repeat_interleave(GROUP, 1)
        near, before = (torch.log(part + FLOOR) for part in (near, before))
        return (self.base + self.near * near + self.before * before).clamp(-4, 5)


def _below(x: Tensor) -> Tensor:
    """The share of a Laplace distribution of width 1 below x."""
    return torch.where(x < 0, 0.5 * torch.exp(x.clamp(max=0)), 1 - 0.5 * torch.exp(-x.clamp(min=0)))
