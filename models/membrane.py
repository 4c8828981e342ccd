"""The membrane over a hole, on tensors: the surface between its edges that bends least, which a network adds to.

Begun as `models.pushpull`, with averages of what is known, each of the next coarser level where the finer one knows
nothing (Gortler and others, The Lumigraph, 1996, section 3.4), and relaxed at every level on the way back, so that it
comes near the solution of Laplace's equation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from models.infill_plan import FLATTEST, LEAST, LEVELS, ROUNDS, SATURATION


@torch.no_grad()
def membrane(picture: Tensor, hole: Tensor) -> Tensor:
    """`picture` [B, C, H, W] with the hole filled; `hole` [B, 1, H, W], 1 inside, 0 outside. Whatever the picture is
    in the hole has no part in it. With nothing known it is 0. Nothing is learned through it."""
    weights = 1 - hole
    sums = picture * weights
    levels = [(sums, weights)]
    for _ in range(LEVELS):
        sums, weights = avg_pool2d(sums, 2), avg_pool2d(weights, 2)
        gain = (weights * SATURATION).clamp(max=1) / weights.clamp(min=LEAST)
        sums, weights = sums * gain, weights * gain
        levels.append((sums, weights))
    mean = sums.mean((2, 3), keepdim=True) / weights.mean((2, 3), keepdim=True).clamp(min=LEAST)
    colours = _relaxed(sums + mean * (1 - weights), weights)
    for sums, weights in reversed(levels[:-1]):
        coarse = interpolate(colours, scale_factor=2.0, mode="bilinear", align_corners=False)
        colours = _relaxed(sums + coarse * (1 - weights), weights)
    return colours


def _relaxed(colours: Tensor, weights: Tensor) -> Tensor:
    """What is not known drawn towards the mean of its four neighbours."""
    unknown = 1 - weights
    for _ in range(ROUNDS):
        framed = pad(colours, (1, 1, 1, 1), mode="replicate")
        across = framed[..., 1:-1, 2:] + framed[..., 1:-1, :-2]
        down = framed[..., 2:, 1:-1] + framed[..., :-2, 1:-1]
        colours = torch.lerp(colours, (across + down) / 4, unknown)
    return colours


def known_light(picture: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Of what is known the mean colour [B, C, 1, 1] and the standard deviation from it [B, 1, 1, 1], at least
    FLATTEST."""
    weights = 1 - hole
    count = weights.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (picture * weights).sum((2, 3), keepdim=True) / count
    squares = ((picture - mean).square() * weights).sum((2, 3), keepdim=True) / count
    return mean, squares.mean(1, keepdim=True).sqrt().clamp(min=FLATTEST)
