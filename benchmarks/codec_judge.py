"""How near the decoded pictures of a clip come to those that went in: PSNR and SSIM of region, background and whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.frame import Image
from stages.codec.readings import ssim_map

PARTS = ("region", "background", "whole")


@dataclass
class _Sums:
    squares: float = 0.0  # of the differences, mean over the colours
    likeness: float = 0.0
    pixels: int = 0


@dataclass
class Judge:
    """Adds up over a clip: every pixel of a part counts the same, in whichever picture it lies.

    The PSNR is that of the mean squared error over all of them, B, G and R alike, so a part that is empty in some
    pictures needs no exception, and a picture that came out perfect weighs no more than another."""

    _sums: dict[str, _Sums] = field(default_factory=lambda: {part: _Sums() for part in PARTS})

    def see(self, image: Image, decoded: Image, mask: Image) -> None:
        """One picture, uint8 [H, W, 3] BGR, what came of it, and its mask uint8 [H, W]."""
        squares = np.square(image.astype(np.float32) - decoded).mean(axis=2)
        likeness = ssim_map(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.cvtColor(decoded, cv2.COLOR_BGR2GRAY))
        inside = mask > 0
        for part, where in (("region", inside), ("background", ~inside), ("whole", np.ones_like(inside))):
            sums = self._sums[part]
            sums.squares += float(squares[where].sum(dtype=np.float64))
            sums.likeness += float(likeness[where].sum(dtype=np.float64))
            sums.pixels += int(np.count_nonzero(where))

    def figures(self) -> dict[str, dict[str, float | None]]:
        """By part `psnr` (dB) and `ssim`; None where the part was empty, or (PSNR) nothing differs."""
        return {part: {"psnr": _psnr(sums), "ssim": _mean(sums)} for part, sums in self._sums.items()}


def _psnr(sums: _Sums) -> float | None:
    return 10 * math.log10(255**2 * sums.pixels / sums.squares) if sums.squares else None


def _mean(sums: _Sums) -> float | None:
    return sums.likeness / sums.pixels if sums.pixels else None
