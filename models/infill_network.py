"""The network of `infill`: what a hole is likely to hide, added to the membrane over it.

Its parts are known ones: a U of convolutions whose deepest blocks also see the whole picture at once through its
spectrum (Suvorov et al., WACV 2022; Chi et al., NeurIPS 2020), and attention that carries fine detail from where it
is known to where it is not (Zeng et al., CVPR 2019, Yi et al., CVPR 2020). There is no norm whose answer depends on
the batch. The residual begins at nothing: an untrained network gives the membrane.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize, pixel_shuffle, pixel_unshuffle, relu, softmax

from models.canvas import FIXED
from models.lama_fourier import back_by_products, forth_by_products, matrices
from models.membrane import known_mean, membrane

FINE, MIDDLE, DEEP = 48, 96, 192  # channels at a half, a quarter and an eighth of the size
GLOBAL = DEEP // 2  # of the deep ones, also mixed frequency by frequency
BLOCKS = 6
ASKED, CARRIED = 64, 24  # channels by which places are compared; of the detail that is carried
CELL = 8  # pixels a side of a place
STRETCH = CELL // 2  # of its detail, at half the size
SHARP = 10.0  # by which likeness is multiplied, at first
UNKNOWN = 30.0  # by which a place counts as less alike for being all hole
GAIN = 0.3  # of a block's answer, at first


class GlobalBlock(nn.Module):
    """Convolves, mixes half of the channels over the whole picture, and adds."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv2d(DEEP, DEEP, 3, padding=1)
        self.mixing = nn.Conv2d(2 * GLOBAL, 2 * GLOBAL, 1)
        self.after = nn.Conv2d(DEEP, DEEP, 1)
        with torch.no_grad():
            self.after.weight.mul_(GAIN)

    def forward(self, x: Tensor) -> Tensor:
        by = matrices(x.shape[2], x.shape[3], x)
        y = relu(self.near(x))
        spectrum = relu(self.mixing(forth_by_products(y[:, :GLOBAL], by)))
        wide = y[:, :GLOBAL] + back_by_products(spectrum, by)
        return x + self.after(torch.cat([wide, y[:, GLOBAL:]], 1))  # type: ignore[no-any-return]


class Carrying(nn.Module):
    """Attention over places of 8 x 8 pixels: each takes the detail of the known ones that it is most like."""

    def __init__(self) -> None:
        super().__init__()
        self.asking, self.asked = nn.Conv2d(DEEP, ASKED, 1), nn.Conv2d(DEEP, ASKED, 1)
        self.detail = nn.Conv2d(FINE, CARRIED, 1)
        self.sharp = nn.Parameter(torch.tensor(SHARP))

    def forward(self, deep: Tensor, fine: Tensor, hole: Tensor) -> Tensor:
        """[B, CARRIED, H / 2, W / 2] of `deep` at an eighth, `fine` at half and `hole` at full size."""
        rows, columns = deep.shape[2:]
        asking = normalize(self.asking(deep).flatten(2), dim=1).transpose(1, 2)
        asked = normalize(self.asked(deep).flatten(2), dim=1)
        unknown = avg_pool2d(hole, CELL).flatten(2)
        shares = softmax(self.sharp * torch.matmul(asking, asked) - UNKNOWN * unknown, -1)
        cells = pixel_unshuffle(self.detail(fine), STRETCH).flatten(2).transpose(1, 2)
        carried = torch.matmul(shares.to(cells.dtype), cells).transpose(1, 2)
        return pixel_shuffle(carried.unflatten(2, (rows, columns)), STRETCH)


class InfillNetwork(nn.Module):
    """[B, 4, H, W] of hole (0 and 1), R, G, B (0..1), whatever they are in the hole, to a tuple of one: RGB
    [B, 3, H, W], about 0..1. Sides are multiples of 32."""

    channels = 4  # of a canvas: B, G, R, hole; see `models.engines`
    fixed = True
    sizes = len(FIXED)

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4 * 4, FINE, 3, padding=1)
        self.fine = nn.Conv2d(FINE, FINE, 3, padding=1)
        self.to_middle = nn.Conv2d(FINE, MIDDLE, 3, 2, 1)
        self.middle = nn.Conv2d(MIDDLE, MIDDLE, 3, padding=1)
        self.to_deep = nn.Conv2d(MIDDLE, DEEP, 3, 2, 1)
        self.blocks = nn.Sequential(*(GlobalBlock() for _ in range(BLOCKS)))
        self.carrying = Carrying()
        self.from_deep = nn.Conv2d(DEEP, 4 * MIDDLE, 1)
        self.join_middle = nn.Conv2d(2 * MIDDLE, MIDDLE, 3, padding=1)
        self.again_middle = nn.Conv2d(MIDDLE, MIDDLE, 3, padding=1)
        self.from_middle = nn.Conv2d(MIDDLE, 4 * FINE, 1)
        self.join_fine = nn.Conv2d(2 * FINE + CARRIED, FINE, 3, padding=1)
        self.leave = nn.Conv2d(FINE, 3 * 4, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, canvas: Tensor) -> tuple[Tensor]:
        hole, picture = canvas[:, :1], canvas[:, 1:]
        smooth = membrane(picture, hole)
        # About the mean of what is known: what is lighter or darker as a whole is filled alike.
        shown = torch.cat([2 * (smooth - known_mean(picture, hole)), hole], 1)
        fine = relu(self.enter(pixel_unshuffle(shown, 2)))
        fine = fine + relu(self.fine(fine))
        middle = relu(self.to_middle(fine))
        middle = middle + relu(self.middle(middle))
        deep = self.blocks(relu(self.to_deep(middle)))
        carried = self.carrying(deep, fine, hole)
        up = pixel_shuffle(self.from_deep(deep), 2)
        up = relu(self.join_middle(torch.cat([up, middle], 1)))
        up = up + relu(self.again_middle(up))
        up = pixel_shuffle(self.from_middle(up), 2)
        up = relu(self.join_fine(torch.cat([up, fine, carried], 1)))
        return (smooth + pixel_shuffle(self.leave(up), 2).to(smooth.dtype),)
