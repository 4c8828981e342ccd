"""PushPull: a smooth filling from what is around a hole, no weights; soft, without Telea's streaks, and never slow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image, ModelInfo
from models.classical import Classical

WORK_PIXELS = 20_000  # a larger crop is filled at the scale at which it has that many: it is smooth there anyway
SATURATION = 4.0  # how much of a coarse pixel must be known for it to count as known: a quarter
OVERHEAD_S, PIXEL_S = 0.5e-3, 1.0e-8  # what a crop costs on one core, about: in seconds, and for each pixel

Floats = NDArray[np.float32]


class PushPull(Classical):
    """Averages of what is known, each of the next coarser level where the finer one knows nothing (Gortler and others,
    The Lumigraph, 1996, section 3.4). Follows `models.base.Inpainter`."""

    def __init__(self) -> None:
        self.info = ModelInfo("push-pull", "OpenCV's pyramids")

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of that size.

        With nothing known around the hole it is black."""
        height, width = hole.shape
        known = (hole == 0).astype(np.uint8) * np.uint8(255)
        ratio = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)
        size = max(1, round(width * ratio)), max(1, round(height * ratio))
        # What is in the hole must not bleed into what is known: the sums hold the known pixels only.
        masked = cv2.bitwise_and(image, image, mask=known)
        sums = cv2.resize(masked, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        weights = cv2.resize(known, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        small = np.clip(_filled(sums, weights) + 0.5, 0, 255).astype(np.uint8)
        result = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(image, known, result)
        return result  # type: ignore[no-any-return]

    def cost(self, height: int, width: int) -> float:
        """About how many seconds a crop of that size takes."""
        return OVERHEAD_S + PIXEL_S * height * width


def _filled(sums: Floats, weights: Floats) -> Floats:
    """`sums` [h, w, 3] of what is known, `weights` [h, w] how much of each pixel that is (0 to 1); all colours."""
    levels = [(sums, weights)]
    while weights.min() < 1 and max(weights.shape) > 2:
        sums, weights = cv2.pyrDown(sums), cv2.pyrDown(weights)
        gain = np.minimum(1, weights * SATURATION) / np.maximum(weights, 1e-6)
        sums, weights = sums * gain[..., None], weights * gain
        levels.append((sums, weights))
    colours: Floats = sums / np.maximum(weights, 1e-6)[..., None]
    for sums, weights in reversed(levels[:-1]):
        coarse = cv2.pyrUp(colours, dstsize=weights.shape[::-1])
        colours = sums + coarse * (1 - weights)[..., None]
    return colours
