"""The networks of the neural coder: what turns a picture into numbers worth sending, and those into a picture again.

A hybrid coder with learned transforms: what is coded is the difference to a prediction that both sides have. Each side
is a linear transform of blocks (the principal components, at first) and a convolutional network that corrects it. Two
levels of numbers, one for each 16x16 block and one for each 8x8 (the decoder's skip), and nothing else, pass.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16  # pixels a side of what one vector of the coarse level stands for
HALF = BLOCK // 2  # of the fine level
COARSE, FINE = 48, 48  # numbers for each block of either level
WIDTH, DEEP, THIN = 96, 128, 32  # channels at 1/8, at 1/16, at 1/4
SCALE = 1 / 64  # grey levels to the networks' units


class Latents(NamedTuple):
    """Whole numbers of steps: coarse [B, 48, H / 16, W / 16], fine [B, 48, H / 8, W / 8]."""

    coarse: Tensor
    fine: Tensor


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, channels, 3, padding=1)
        self.two = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.two.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(torch.relu(self.one(x)))  # type: ignore[no-any-return]


class Blocks(nn.Module):
    """A linear transform of square blocks, there and back; both ways are learned, in full precision."""

    def __init__(self, numbers: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.there = nn.Parameter(torch.zeros(numbers, 3, side, side))
        self.back = nn.Parameter(torch.zeros(numbers, 3, side, side))

    def analyse(self, picture: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, numbers, H / side, W / side]."""
        with torch.autocast(picture.device.type, enabled=False):
            return F.conv2d(picture, self.there, stride=self.side)

    def synthesise(self, numbers: Tensor) -> Tensor:
        """The way back."""
        with torch.autocast(numbers.device.type, enabled=False):
            return F.conv_transpose2d(numbers, self.back, stride=self.side)


class Analysis(nn.Module):
    """The encoder's network: from picture and prediction to features, and from those to corrections of both levels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(6 * HALF * HALF + 1, WIDTH, 1)
        self.body = nn.Sequential(Residual(WIDTH), Residual(WIDTH))
        self.down = nn.Conv2d(WIDTH, DEEP, 3, 2, 1)
        self.deep = Residual(DEEP)
        self.coarse = _silent(nn.Conv2d(DEEP, COARSE, 1))
        self.left = nn.Conv2d(3 * HALF * HALF, WIDTH, 1)
        self.fine = _silent(nn.Conv2d(WIDTH, FINE, 1))

    def features(self, rest: Tensor, prediction: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 96, H / 8, W / 8] and [B, 128, H / 16, W / 16] of what a prediction leaves, and of itself."""
        near = self.body(torch.relu(self.first(_seen(rest, prediction, steps, HALF))))
        return near, self.deep(torch.relu(self.down(near)))

    def fine_correction(self, near: Tensor, rest: Tensor, steps: Tensor) -> Tensor:
        """Of the fine level, in steps, from the features and from what the coarse one leaves, [B, 3, H, W]."""
        left = self.left(F.pixel_unshuffle(rest, HALF) / enlarged(steps, 2))
        return self.fine(torch.relu(near + left))  # type: ignore[no-any-return]


class Synthesis(nn.Module):
    """The decoder's network: corrects the picture that the transforms back have made."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(6 * HALF * HALF + 1, WIDTH, 1)
        self.body = nn.Sequential(Residual(WIDTH), Residual(WIDTH), Residual(WIDTH))
        self.up = nn.Conv2d(WIDTH, 4 * THIN, 1)
        self.beside = nn.Conv2d(6 * 16 + 1, THIN, 1)
        self.outer = nn.Sequential(Residual(THIN), Residual(THIN))
        self.last = _silent(nn.Conv2d(THIN, 3 * 16, 3, padding=1))

    def forward(self, linear: Tensor, prediction: Tensor, steps: Tensor) -> Tensor:
        """What is to be added to `linear` [B, 3, H, W], in steps, a quarter of the size: [B, 48, H / 4, W / 4]."""
        near = self.body(torch.relu(self.first(_seen(linear, prediction, steps, HALF))))
        fine = F.pixel_shuffle(self.up(near), 2) + self.beside(_seen(linear, prediction, steps, HALF // 2))
        return self.last(self.outer(torch.relu(fine)))  # type: ignore[no-any-return]


class Head(nn.Module):
    """Finds people in the encoder's features: logits [B, 2, H / 8, W / 8] of background and person."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(DEEP, DEEP, 3, 2, 1)
        self.deep = Residual(DEEP)
        self.from_deep = nn.Conv2d(DEEP, 64, 1)
        self.from_middle = nn.Conv2d(DEEP, 64, 1)
        self.from_near = nn.Conv2d(WIDTH, 64, 1)
        self.middle = Residual(64)
        self.last = nn.Conv2d(64, 2, 3, padding=1)

    def forward(self, near: Tensor, far: Tensor) -> Tensor:
        deep = self.deep(torch.relu(self.down(far)))
        middle = self.from_middle(far) + F.interpolate(self.from_deep(deep), size=far.shape[2:])
        middle = self.middle(torch.relu(middle))
        joined = self.from_near(near) + F.interpolate(middle, size=near.shape[2:])
        return self.last(torch.relu(joined))  # type: ignore[no-any-return]


class CodecNetwork(nn.Module):
    """Both sides and the head. Pictures are float [B, 3, H, W] BGR 0..255, sides multiples of 16; `steps`
    [B, 1, H / 16, W / 16] are those by which the numbers of each block are rounded, in grey levels."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = Blocks(COARSE, BLOCK)
        self.fine = Blocks(FINE, HALF)
        self.analysis = Analysis()
        self.synthesis = Synthesis()
        self.head = Head()

    def features(self, rest: Tensor, prediction: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Of a prediction and what it leaves: `near` [B, 96, H / 8, W / 8] and `far` [B, 128, H / 16, W / 16], of which
        both levels and the head are made."""
        return self.analysis.features(rest, prediction, steps)

    def coarse_level(self, rest: Tensor, far: Tensor, steps: Tensor) -> Tensor:
        """What a prediction leaves as numbers of the coarse level, in steps."""
        return self.coarse.analyse(rest) / steps + self.analysis.coarse(far)  # type: ignore[no-any-return]

    def fine_level(self, rest: Tensor, sent: Tensor, near: Tensor, steps: Tensor) -> Tensor:
        """What the coarse level, as it was `sent` (in steps), leaves as numbers of the fine one, in steps."""
        left = rest - self.coarse.synthesise(sent * steps)
        return self.fine.analyse(left) / enlarged(steps, 2) + self.analysis.fine_correction(near, left, steps)

    def decode(self, sent: Latents, prediction: Tensor, steps: Tensor) -> Tensor:
        """The difference to the prediction, [B, 3, H, W], of both levels as they were sent."""
        linear = self.coarse.synthesise(sent.coarse * steps)
        linear = linear + self.fine.synthesise(sent.fine * enlarged(steps, 2))
        correction = self.synthesis(linear, prediction, steps) * enlarged(steps, 4)
        return linear + F.pixel_shuffle(correction, 4)


def enlarged(x: Tensor, times: int) -> Tensor:
    """Each number of [B, C, h, w] as a square of that side."""
    return F.interpolate(x, scale_factor=float(times))


def _seen(picture: Tensor, prediction: Tensor, steps: Tensor, side: int) -> Tensor:
    """What both networks look at, [B, 6 * side ** 2 + 1, H / side, W / side]: a difference in steps, the prediction,
    the steps."""
    wide = enlarged(steps, BLOCK // side)
    difference = F.pixel_unshuffle(picture, side) / wide
    return torch.cat([difference, F.pixel_unshuffle((prediction - 128) * SCALE, side), (wide.log2() - 4.5) / 3], 1)


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """Says nothing until it is taught: what it is added to is right already."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
