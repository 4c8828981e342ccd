"""Watermark: a word in the corner of what comes out, which says that it has been worked on."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import Box

SHARE = 0.035  # of the picture's height: that of the letters
SEEN = 0.72  # of the picture: how much of what is behind the letters they hide


class Watermark:
    """Nothing where `text` is empty."""

    def __init__(self, text: str, height: int, width: int) -> None:
        self._box: Box | None = None
        if not text:
            return
        font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(height * SHARE / 9))
        scale = cv2.getFontScaleFromHeight(font, max(6, round(height * SHARE)), thick)
        (wide, tall), below = cv2.getTextSize(text, font, scale, thick)
        if wide + 4 * thick > width:
            scale *= width / (wide + 4 * thick) * 0.95
            (wide, tall), below = cv2.getTextSize(text, font, scale, thick)
        size = min(height, tall + below + 4 * thick), min(width, wide + 4 * thick)
        gap = min(max(2, height // 40), height - size[0], width - size[1])
        self._box = Box(width - gap - size[1], height - gap - size[0], width - gap, height - gap)
        ink, edge = (np.zeros(size, np.uint8) for _ in range(2))
        at = (2 * thick, 2 * thick + tall)
        cv2.putText(edge, text, at, font, scale, 255, 3 * thick, cv2.LINE_AA)
        cv2.putText(ink, text, at, font, scale, 255, thick, cv2.LINE_AA)
        self._share = (edge.astype(np.float32) / 255 * SEEN)[..., None]
        self._drawn = np.repeat(ink.astype(np.float32)[..., None], 3, axis=2) * self._share

    def put(self, clean: Image) -> None:
        """Draw it into a result [H, W, 3] that may be seen."""
        if self._box is not None:
            part = self._box.of(clean)
            part[:] = (part * (1 - self._share) + self._drawn + 0.5).astype(np.uint8)
