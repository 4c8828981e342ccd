"""The network of `infill`: which membrane continues what surrounds a hole, and what is likely to lie over it.

Its parts are known ones: a U of convolutions whose deepest blocks also see the whole picture at once through its
spectrum (Suvorov et al., WACV 2022; Chi et al., NeurIPS 2020), and attention that carries fine detail from where it
is known to where it is not (Zeng et al., CVPR 2019, Yi et al., CVPR 2020). It learns with batch norms, which are
folded into its convolutions before it is shipped: one picture is filled as a batch is.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu, normalize, pixel_shuffle, pixel_unshuffle, softmax

from models.canvas import FIXED
from models.infill_plan import (
    ASKED,
    BLOCKS,
    CARRIED,
    CELL,
    COLOURS,
    DEEP,
    FAINT,
    FINE,
    GAIN,
    GLOBAL,
    LEFT,
    LITTLE,
    MEMORY,
    MIDDLE,
    PREFERRED,
    SEEN,
    SHARP,
    SLOPE,
    SPREAD,
    STRETCH,
    UNKNOWN,
    USUAL,
    WAYS,
)  # fmt: skip
from models.lama_fourier import back_by_products, forth_by_products, matrices
from models.membrane import known_light, membranes, spread_out, texture_of


def _conv(inputs: int, outputs: int, side: int = 3, stride: int = 1, *, learning: bool) -> nn.Module:
    """A convolution; while it learns, normed."""
    conv = nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=not learning)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, momentum=MEMORY)) if learning else conv


class GlobalBlock(nn.Module):
    """Convolves, mixes half of the channels over the whole picture, and adds."""

    def __init__(self, learning: bool) -> None:
        super().__init__()
        self.near = _conv(DEEP, DEEP, learning=learning)
        self.mixing = _conv(2 * GLOBAL, 2 * GLOBAL, 1, learning=learning)
        self.after = _conv(DEEP, DEEP, 1, learning=learning)
        if isinstance(self.after, nn.Sequential):
            norm = self.after[1]
            assert isinstance(norm, nn.BatchNorm2d)
            nn.init.constant_(norm.weight, GAIN)

    def forward(self, x: Tensor) -> Tensor:
        by = matrices(x.shape[2], x.shape[3], x)
        y = _bent(self.near(x))
        spectrum = _bent(self.mixing(forth_by_products(y[:, :GLOBAL], by)))
        wide = y[:, :GLOBAL] + back_by_products(spectrum, by)
        return x + self.after(torch.cat([wide, y[:, GLOBAL:]], 1))  # type: ignore[no-any-return]


class Carrying(nn.Module):
    """Attention over places of 8 x 8 pixels: each takes what the known ones have that it is most like."""

    def __init__(self) -> None:
        super().__init__()
        self.asking, self.asked = nn.Conv2d(DEEP, ASKED, 1), nn.Conv2d(DEEP, ASKED, 1)
        self.detail = nn.Conv2d(FINE, CARRIED, 1)
        self.sharp = nn.Parameter(torch.tensor(SHARP))

    def likeness(self, deep: Tensor, hole: Tensor) -> Tensor:
        """How much each place is like each other, [B, N, N], before a softmax over the last; a hole is like nothing."""
        asking = normalize(self.asking(deep).flatten(2), dim=1).transpose(1, 2)
        asked = normalize(self.asked(deep).flatten(2), dim=1)
        found: Tensor = self.sharp * torch.matmul(asking, asked) - UNKNOWN * avg_pool2d(hole, CELL).flatten(2)
        return found

    def forward(self, likeness: Tensor, fine: Tensor, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [B, CARRIED, H / 2, W / 2] of `fine`, texture and colours [B, 3, H, W] of `picture`."""
        texture, means = texture_of(picture)
        each = pixel_unshuffle(self.detail(fine), STRETCH), pixel_unshuffle(texture, CELL), means
        cells = torch.cat([part.to(fine.dtype) for part in each], 1)
        carried = torch.matmul(cells.flatten(2), softmax(likeness, -1).to(fine.dtype).transpose(1, 2))
        parts = torch.split(carried.reshape(cells.shape), [part.shape[1] for part in each], 1)
        return pixel_shuffle(parts[0], STRETCH), pixel_shuffle(parts[1], CELL).float(), spread_out(parts[2].float())


class InfillNetwork(nn.Module):
    """[B, 4, H, W] of hole (0 and 1), R, G, B (0..1), whatever they are in the hole, to a tuple of one: RGB
    [B, 3, H, W], about 0..1. Sides are multiples of 32."""

    channels = 4  # of a canvas: B, G, R, hole; see `models.engines`
    fixed = True
    sizes = len(FIXED)

    def __init__(self, *, learning: bool = False) -> None:
        """`learning`: with batch norms, which `models.infill_shipping` folds away."""
        super().__init__()
        conv = partial(_conv, learning=learning)
        self.enter = conv(4 * (COLOURS + 1), FINE)
        self.fine = conv(FINE, FINE)
        self.to_middle = conv(FINE, MIDDLE, stride=2)
        self.middle = conv(MIDDLE, MIDDLE)
        self.to_deep = conv(MIDDLE, DEEP, stride=2)
        self.blocks = nn.Sequential(*(GlobalBlock(learning) for _ in range(BLOCKS)))
        self.carrying = Carrying()
        self.from_deep = conv(DEEP, 4 * MIDDLE, 1)
        self.join_middle = conv(2 * MIDDLE, MIDDLE)
        self.again_middle = conv(MIDDLE, MIDDLE)
        self.from_middle = conv(MIDDLE, 4 * FINE, 1)
        self.join_fine = conv(SEEN, FINE)
        self.leave = nn.Conv2d(FINE, 4 * LEFT, 3, padding=1)
        with torch.no_grad():
            self.leave.weight.mul_(LITTLE)
            assert self.leave.bias is not None
            self.leave.bias[4 * 3 : 4 * 4] += PREFERRED
            self.leave.bias[-4:] += FAINT

    def forward(self, canvas: Tensor) -> tuple[Tensor]:
        return self.answer(canvas)[:1]

    def answer(self, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """The picture, and how much each place was held to be like each other: see `Carrying`."""
        hole, picture = canvas[:, :1].float(), canvas[:, 1:].float()  # colours need more digits than the layers
        smooth = membranes(picture, hole)
        # Measured by what is known: what is lighter or fainter as a whole is filled alike.
        mean, spread = known_light(picture, hole)
        seen = (smooth - mean.repeat(1, WAYS, 1, 1)) * (SPREAD / spread)
        fine = _bent(self.enter(pixel_unshuffle(torch.cat([seen, hole], 1).to(canvas.dtype), 2)))
        fine = fine + _bent(self.fine(fine))
        middle = _bent(self.to_middle(fine))
        middle = middle + _bent(self.middle(middle))
        deep = self.blocks(_bent(self.to_deep(middle)))
        likeness = self.carrying.likeness(deep, hole)
        features, texture, colours = self.carrying(likeness, fine, seen[:, :3])
        up = pixel_shuffle(self.from_deep(deep), 2)
        up = _bent(self.join_middle(torch.cat([up, middle], 1)))
        up = up + _bent(self.again_middle(up))
        up = pixel_shuffle(self.from_middle(up), 2)
        carried = pixel_unshuffle(torch.cat([texture, colours], 1), 2).to(fine.dtype)
        up = _bent(self.join_fine(torch.cat([up, fine, features, carried], 1)))
        left = pixel_shuffle(self.leave(up), 2).float()
        ways = torch.cat([seen, torch.lerp(seen[:, :3], colours, hole)], 1)
        shares = softmax(left[:, 3:-1], 1).repeat_interleave(3, 1)
        chosen = (shares * ways).unflatten(1, (WAYS + 1, 3)).sum(1)  # type: ignore[no-untyped-call]
        made = chosen + hole * (left[:, :3] * (SPREAD / USUAL) + torch.sigmoid(left[:, -1:]) * texture)
        return made * (spread / SPREAD) + mean, likeness


def _bent(x: Tensor) -> Tensor:
    return leaky_relu(x, SLOPE)


def settle(network: nn.Module) -> None:
    """Let its norms stay as they are while the rest goes on learning."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
