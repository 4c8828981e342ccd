"""Telea: the classical inpainter, no weights; fine for thin holes, a smear for large ones, and never slow."""

from __future__ import annotations

import cv2
import numpy as np

from models.base import Image, ModelInfo
from models.classical import SAMPLE, Classical

RADIUS = 3  # pixels around a point from which it is made
FULL_PIXELS = 1_500  # of a hole; a larger one is filled at the scale at which it has that many
SPREAD = 60  # pixels that are reduced and enlarged in the time in which one is filled
PIXEL_S = 2e-6  # seconds in which one is filled, until it has been measured


class Telea(Classical):
    """OpenCV's fast-marching inpainting (Telea 2004). Its cost grows with the hole, so large holes are filled at a
    reduced size and scaled up: they are smooth there anyway. Follows `models.base.Inpainter`."""

    def __init__(self) -> None:
        self.info = ModelInfo("telea", "opencv")
        self._pixel_s = PIXEL_S

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of that size."""
        pixels = cv2.countNonZero(hole)
        if pixels <= FULL_PIXELS:
            return cv2.inpaint(image, hole, RADIUS, cv2.INPAINT_TELEA)  # type: ignore[no-any-return]
        ratio = (FULL_PIXELS / pixels) ** 0.5
        return self._inpaint_small(image, hole, ratio)

    def cost(self, height: int, width: int) -> float:
        """As if all of it were hole: by its pixels up to what is filled at full size, then hardly more."""
        return (min(height * width, FULL_PIXELS) + height * width / SPREAD) * self._pixel_s

    def warm_up(self, *, every: bool = True) -> float:
        """Run on a large hole, and learn from it what a pixel costs; return its seconds."""
        seconds = super().warm_up(every=every)
        self._pixel_s = seconds / (FULL_PIXELS + SAMPLE[0] * SAMPLE[1] / SPREAD)
        return seconds

    def _inpaint_small(self, image: Image, hole: Image, ratio: float) -> Image:
        height, width = hole.shape
        small = max(1, round(width * ratio)), max(1, round(height * ratio))
        # Hole pixels must not bleed into what is known: average the known ones only.
        known = cv2.compare(hole, 0, cv2.CMP_EQ)
        weight = cv2.resize(known, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        masked = cv2.bitwise_and(image, image, mask=known)
        average = cv2.resize(masked, small, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-3)[..., None]
        unknown = cv2.compare(weight, 0.5, cv2.CMP_LT)
        filled = cv2.inpaint(np.clip(average, 0, 255).astype(np.uint8), unknown, RADIUS, cv2.INPAINT_TELEA)
        result = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(image, known, result)
        return result  # type: ignore[no-any-return]
