"""How `infill` is judged while it learns: against the truth, and by a critic that learns to tell it from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    leaky_relu,
    log_softmax,
    max_pool2d,
    pixel_unshuffle,
    softmax,
    softplus,
)

from models.infill_plan import CELL, UNKNOWN
from models.membrane import texture_of

POOLS = (8, 32)  # pixels a side of the means that have to be right: no cast of colour
SMOOTH = 0.02  # below which a difference counts less than in proportion
BY_COLOUR = 0.5  # of how alike places are, beside their texture
CHOOSY = 0.02  # of the usual difference, by which one place is preferred to another
SCALES = 3  # at which differences of neighbours have to be right
CRITIC = (32, 64, 128)  # its channels
PENALTY = 0.001  # of R1 (Mescheder et al., ICML 2018), as LaMa: the slope is of the verdicts of all places in sum


class Critic(nn.Module):
    """Tells, patch by patch, what is invented; gives what it sees on the way."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *CRITIC)
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise(widths))
        self.last = nn.Conv2d(CRITIC[-1], CRITIC[-1], 3, padding=1)
        self.verdict = nn.Conv2d(CRITIC[-1], 1, 3, padding=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """[B, 3, H, W] of 0..1 to verdicts [B, 1, H / 8, W / 8] (above 0: true) and features."""
        x, seen = 2 * picture - 1, []
        for layer in (*self.layers, self.last):
            x = leaky_relu(layer(x), 0.2)
            seen.append(x)
        return self.verdict(x), seen


def distances(answer: Tensor, truth: Tensor, hole: Tensor) -> dict[str, Tensor]:
    """What it is off by in the hole: pixel by pixel, in its means, and in the differences of neighbours.

    `answer` and `truth` [B, 3, H, W] of 0..1, `hole` [B, 1, H, W]. Means of absolute differences, small ones squared;
    and of squares, which large ones make up."""
    inside = (answer - truth) * hole
    return {
        "hole": _size(inside).sum() / (3 * hole.sum()),
        "squares": inside.square().sum() / (3 * hole.sum()),
        "means": torch.stack([_pooled(inside, hole, side) for side in POOLS]).mean(),
        "edges": _differences(truth + inside, truth, hole),
    }


def _size(off: Tensor) -> Tensor:
    """Absolute, but smooth about 0 (Charbonnier et al., ICIP 1994): what is nearly right is not pushed to and fro."""
    return (off.square() + SMOOTH**2).sqrt() - SMOOTH


def _pooled(inside: Tensor, hole: Tensor, side: int) -> Tensor:
    return _size(avg_pool2d(inside, side)).sum() / (3 * avg_pool2d(hole, side).sum())


def _differences(filled: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    """Of neighbours, in the hole and across its rim, at several scales."""
    found = []
    near = max_pool2d(hole, 3, 1, 1)
    for _ in range(SCALES):
        share = 3 * near.sum().clamp(min=1)
        off = filled - truth
        across, down = off[..., 1:] - off[..., :-1], off[..., 1:, :] - off[..., :-1, :]
        total = (_size(across) * near[..., 1:]).sum() + (_size(down) * near[..., 1:, :]).sum()
        found.append(total / share)
        filled, truth, near = avg_pool2d(filled, 2), avg_pool2d(truth, 2), max_pool2d(near, 2)
    return torch.stack(found).mean()


def misplaced(likeness: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    """Small where places in the hole are held to be like the known ones that the truth is like there: cross entropy,
    in nats, of `likeness` [B, N, N] (before a softmax) from what the truth's texture and colours say."""
    unknown = avg_pool2d(hole, CELL).flatten(2)
    with torch.no_grad():
        texture, means = texture_of(truth)
        apart = _apart(pixel_unshuffle(texture, CELL)) + BY_COLOUR * _apart(means)
        known = (unknown == 0).float()
        usual = (apart * known).sum(-1, keepdim=True) / known.sum(-1, keepdim=True).clamp(min=1)
        wanted = softmax(-apart / (CHOOSY * usual + 1e-6) - UNKNOWN * (1 - known), -1)
    asked = (unknown > 0.5).float().transpose(1, 2)
    each = -(wanted * log_softmax(likeness.float(), -1)).sum(-1, keepdim=True)
    return (each * asked).sum() / asked.sum().clamp(min=1)


def _apart(cells: Tensor) -> Tensor:
    """Mean squared differences [B, N, N] between the places of [B, C, h, w]."""
    flat = cells.float().flatten(2)
    length = flat.square().sum(1)
    products = torch.matmul(flat.transpose(1, 2), flat)
    found: Tensor = (length[:, :, None] + length[:, None] - 2 * products).clamp(min=0) / flat.shape[1]
    return found


def invented(hole: Tensor) -> Tensor:
    """Which verdicts are of what was invented: [B, 1, H / 8, W / 8]."""
    return (avg_pool2d(hole, 8) > 0).float()


def fooled(verdicts: Tensor, hole: Tensor) -> Tensor:
    """Small where the critic takes what was invented for true."""
    where = invented(hole)
    return (softplus(-verdicts.float()) * where).sum() / where.sum()


def caught(of_filled: Tensor, of_truth: Tensor, hole: Tensor) -> Tensor:
    """Small where the critic is right: of what is true, and of what is invented."""
    where = invented(hole)
    of_holes = (softplus(of_filled.float()) * where).sum() / where.sum()
    return softplus(-of_truth.float()).mean() + of_holes


def alike(seen: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """How far apart what the critic sees of both is (feature matching, Wang et al., CVPR 2018)."""
    return torch.stack(
        [(one.float() - other.float().detach()).abs().mean() for one, other in zip(seen, wanted, strict=True)]
    ).mean()


def penalty(critic: Critic, truth: Tensor) -> Tensor:
    """R1: the critic is to be flat where pictures are true."""
    truth = truth.detach().requires_grad_()
    verdicts, _ = critic(truth)
    (slope,) = torch.autograd.grad(verdicts.sum(), truth, create_graph=True)
    return PENALTY * slope.square().sum((1, 2, 3)).mean()
