"""How near an invented hole comes to the truth: pixel by pixel, in how much texture it has, and which way that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.scenarios_judge import psnr
from models.base import Image
from stages.codec.readings import ssim_map

TURNS = 90  # bins of 2 degrees in half a turn
FIGURES = ("psnr_db", "ssim", "edges", "turn")

Floats = NDArray[np.float32]


def judge(found: Image, truth: Image, hole: Image) -> dict[str, float]:
    """The figures of one hole; uint8 [h, w, 3] BGR, `hole` uint8 [h, w], not empty.

    `psnr_db`; `ssim`, the mean in the hole; `edges` and `turn`: how far the histograms of gradients lie apart."""
    where = hole > 0
    grey, real = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (found, truth))
    steep, steep_true = _gradients(grey, where), _gradients(real, where)
    return {
        "psnr_db": psnr(found, truth, where),
        "ssim": float(ssim_map(real, grey)[where].mean()),
        "edges": strength_distance(steep, steep_true),
        "turn": direction_distance(steep, steep_true),
    }


def strength_distance(one: Floats, other: Floats) -> float:
    """The earth mover's distance of how strong the gradients [N, 2] are, in octaves of 1 + levels a pixel: of two
    sets of one size it is the mean difference of the sorted values, so no bins are needed."""
    sorted_ones = (np.sort(np.log2(1 + np.hypot(*gradients.T))) for gradients in (one, other))
    return float(np.abs(np.subtract(*sorted_ones)).mean())


def direction_distance(one: Floats, other: Floats) -> float:
    """The earth mover's distance of which way edges run, each weighed by its strength, in degrees: on a circle of
    half a turn it is that of the cumulative sums about the median of their difference (Rabin and others,
    Transportation Distances on the Circle, 2011). Where there is no gradient at all, every direction is as good."""
    ahead = np.cumsum(_turns(one) - _turns(other))
    return float(np.abs(ahead - np.median(ahead)).sum() * 180 / TURNS)


def means(figures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Of each figure over several holes."""
    rows = list(figures)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def gains(figures: Sequence[Mapping[str, float]], over: Sequence[Mapping[str, float]]) -> list[float]:
    """By how many dB each hole is nearer to the truth than another way has come."""
    return [one["psnr_db"] - other["psnr_db"] for one, other in zip(figures, over, strict=True)]


def _gradients(grey: Image, where: NDArray[np.bool_]) -> Floats:
    """Levels a pixel [N, 2], across and down, at the pixels of the hole; across its rim too, so that a step there
    counts."""
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, scale=1 / 8)[where] for dx in (1, 0))
    return np.stack([across, down], 1)


def _turns(gradients: Floats) -> NDArray[np.float64]:
    """What share of the gradients' strength lies in each of TURNS directions."""
    strength = np.hypot(*gradients.T)
    turn = np.arctan2(gradients[:, 1], gradients[:, 0]) % np.pi
    bins = np.minimum((turn * TURNS / np.pi).astype(np.intp), TURNS - 1)
    sums = np.bincount(bins, strength, TURNS)
    total = float(sums.sum())
    shares: NDArray[np.float64] = sums / total if total else np.full(TURNS, 1 / TURNS)
    return shares
