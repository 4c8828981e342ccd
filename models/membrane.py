"""The membrane over a hole: the smooth surface between its edges, on tensors; what a network adds to, and knows no network.

As `models.pushpull`, for the inside of a network: averages of what is known, each of the next coarser level where the
finer one knows nothing (Gortler and others, The Lumigraph, 1996, section 3.4).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

LEVELS = 5  # of halving: sides are multiples of 32
SATURATION = 4.0  # how much of a coarse pixel must be known for it to count as known: a quarter
SPREAD = 4  # rounds by which the coarsest level spreads into what it does not know
LEAST = 1e-6  # of a weight, below which nothing is known


def membrane(picture: Tensor, hole: Tensor) -> Tensor:
    """`picture` [B, C, H, W] with the hole filled; `hole` [B, 1, H, W], 1 inside, 0 outside. Whatever the picture is
    in the hole has no part in it. With nothing known it is 0."""
    weights = 1 - hole
    sums = picture * weights
    levels = [(sums, weights)]
    for _ in range(LEVELS):
        sums, weights = avg_pool2d(sums, 2), avg_pool2d(weights, 2)
        gain = (weights * SATURATION).clamp(max=1) / weights.clamp(min=LEAST)
        sums, weights = sums * gain, weights * gain
        levels.append((sums, weights))
    colours = _spread(*levels[-1])
    for sums, weights in reversed(levels[:-1]):
        coarse = interpolate(colours, scale_factor=2.0, mode="bilinear", align_corners=False)
        colours = sums + coarse * (1 - weights)
    return colours


def _spread(sums: Tensor, weights: Tensor) -> Tensor:
    """The colours of the coarsest level: from neighbours where it knows nothing, at last their mean."""
    mean = sums.mean((2, 3), keepdim=True) / weights.mean((2, 3), keepdim=True).clamp(min=LEAST)
    for _ in range(SPREAD):
        near, known = (avg_pool2d(part, 3, 1, 1) for part in (sums, weights))
        gain = (known * SATURATION).clamp(max=1) / known.clamp(min=LEAST)
        sums = sums + near * gain * (1 - weights)
        weights = weights + known * gain * (1 - weights)
    return sums + mean * (1 - weights)


def known_mean(picture: Tensor, hole: Tensor) -> Tensor:
    """The mean colour [B, C, 1, 1] of what is known."""
    weights = 1 - hole
    total = (picture * weights).sum((2, 3), keepdim=True)
    found: Tensor = total / torch.clamp(weights.sum((2, 3), keepdim=True), min=1.0)
    return found
