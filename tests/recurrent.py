"""Networks with the signature of Robust Video Matting: truly recurrent, tiny, and of a known answer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


class Recurrent(nn.Module):
    """Alpha is half of the red of this frame and half of what it was at the last; every state adds up what it sees, at
    its own stride. The foreground is the picture itself, its first colour red."""

    def __init__(self, channels: tuple[int, int, int, int] = (2, 3, 4, 5)) -> None:
        super().__init__()
        self.channels = channels
        self.gain = nn.Parameter(torch.tensor(0.5))

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
        s1, s2 = self.state(small, r1, 2, self.channels[0]), self.state(small, r2, 4, self.channels[1])
        s3, s4 = self.state(small, r3, 8, self.channels[2]), self.state(small, r4, 16, self.channels[3])
        red = functional.interpolate(s1[:, :1], [src.shape[2], src.shape[3]], mode="bilinear", align_corners=False)
        return src, red, s1, s2, s3, s4

    def state(self, small: Tensor, former: Tensor | None, stride: int, channels: int) -> Tensor:
        seen = functional.avg_pool2d(small[:, :1], stride, stride, ceil_mode=True).expand(-1, channels, -1, -1)
        return self.gain * seen if former is None else self.gain * seen + (1 - self.gain) * former


class Stateless(nn.Module):
    """Gives a picture back, and nothing else."""

    def forward(self, src: Tensor) -> Tensor:
        return src


def saved(module: nn.Module, path: Path) -> str:
    """As a TorchScript file, compiled as the published ones are."""
    torch.jit.script(module).save(str(path))
    return str(path)
