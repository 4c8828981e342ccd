"""Membranes over a hole, on tensors: surfaces between its edges that bend little, for a network to choose from.

Begun as `models.pushpull`, with averages of what is known, each of the next coarser level where the finer one knows
nothing (Gortler and others, The Lumigraph, 1996, section 3.4), and relaxed at every level on the way back. One comes
near the solution of Laplace's equation; the others bend easily across rows, columns or diagonals and hardly along them,
so that they continue what runs that way.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from models.infill_plan import CELL, COLOURS, DIRECTIONS, FLATTEST, LEAST, LEVELS, ROUNDS, SATURATION, WAYS


@torch.no_grad()
def membranes(picture: Tensor, hole: Tensor) -> Tensor:
    """`picture` [B, 3, H, W] with the hole filled in each of the DIRECTIONS: [B, WAYS * 3, H, W]; `hole` [B, 1, H, W],
    1 inside, 0 outside. Whatever the picture is in the hole has no part in it. With nothing known it is 0. Nothing is
    learned through it."""
    weights = 1 - hole
    sums = picture * weights
    levels = [(sums, weights)]
    for _ in range(LEVELS):
        sums, weights = avg_pool2d(sums, 2), avg_pool2d(weights, 2)
        gain = (weights * SATURATION).clamp(max=1) / weights.clamp(min=LEAST)
        sums, weights = sums * gain, weights * gain
        levels.append((sums, weights))
    mean = sums.mean((2, 3), keepdim=True) / weights.mean((2, 3), keepdim=True).clamp(min=LEAST)
    colours = _relaxed((sums + mean * (1 - weights)).repeat(1, WAYS, 1, 1), weights, ROUNDS[-1])
    for (sums, weights), rounds in zip(reversed(levels[:-1]), reversed(ROUNDS[:-1]), strict=True):
        coarse = interpolate(colours, scale_factor=2.0, mode="bilinear", align_corners=False)
        colours = _relaxed(sums.repeat(1, WAYS, 1, 1) + coarse * (1 - weights), weights, rounds)
    return colours


def membrane(picture: Tensor, hole: Tensor) -> Tensor:
    """The first of `membranes` alone, [B, 3, H, W]: it bends alike in all directions."""
    return membranes(picture, hole)[:, :3]


def _relaxed(colours: Tensor, weights: Tensor, rounds: int) -> Tensor:
    """What is not known drawn towards its neighbours."""
    unknown, kernels = 1 - weights, _kernels(colours.device)
    with torch.autocast(colours.device.type, enabled=False):  # a short format would round them to steps
        for _ in range(rounds):
            framed = pad(colours, (1, 1, 1, 1), mode="replicate")
            colours = torch.lerp(colours, conv2d(framed, kernels, groups=COLOURS), unknown)
    return colours


@lru_cache
def _kernels(device: torch.device) -> Tensor:
    return torch.tensor(DIRECTIONS, device=device)[:, None].repeat_interleave(3, 0)


def texture_of(picture: Tensor) -> tuple[Tensor, Tensor]:
    """What is finer than places of CELL x CELL pixels, [B, 3, H, W], and their means, [B, 3, H / CELL, W / CELL]."""
    means = avg_pool2d(picture, CELL)
    return picture - spread_out(means), means


def spread_out(means: Tensor) -> Tensor:
    """From places to pixels, without steps."""
    return interpolate(means, scale_factor=float(CELL), mode="bilinear", align_corners=False)


def known_light(picture: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Of what is known the mean colour [B, C, 1, 1] and the standard deviation from it [B, 1, 1, 1], at least
    FLATTEST."""
    weights = 1 - hole
    count = weights.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (picture * weights).sum((2, 3), keepdim=True) / count
    squares = ((picture - mean).square() * weights).sum((2, 3), keepdim=True) / count
    return mean, squares.mean(1, keepdim=True).sqrt().clamp(min=FLATTEST)
