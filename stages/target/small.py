"""Small: the reduced picture in which things are followed, and the way between it and the full one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Patch
from pipeline.frame import Image

LONG_SIDE = 640  # pixels: more makes following slower, not better

Floats = NDArray[np.float32]


class Small:
    """Scales pictures of one size, and boxes and masks in them."""

    def __init__(self, height: int, width: int) -> None:
        self.full = (height, width)
        ratio = max(1.0, max(height, width) / LONG_SIDE)
        self.size = (max(1, round(height / ratio)), max(1, round(width / ratio)))
        self.across, self.down = width / self.size[1], height / self.size[0]  # full pixels per small one

    def shrink(self, picture: Image) -> Image:
        """uint8 [H, W, 3] to [h, w, 3]; the picture itself where it is small enough."""
        if self.size == self.full:
            return picture
        return cv2.resize(picture, self.size[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]

    def box(self, box: Floats) -> Floats:
        """x0 y0 x1 y1 of the full picture in the small one."""
        return np.asarray(box, np.float32) / self._scale()

    def full_box(self, box: Floats) -> Floats:
        """And back."""
        return np.asarray(box, np.float32) * self._scale()

    def patch(self, patch: Patch) -> Patch:
        """A mask of the full picture in the small one; a pixel counts that is half covered."""
        if self.size == self.full:
            return patch
        height, width = patch.mask.shape
        x0, y0 = round(patch.x / self.across), round(patch.y / self.down)
        x1 = min(self.size[1], max(x0 + 1, round((patch.x + width) / self.across)))
        y1 = min(self.size[0], max(y0 + 1, round((patch.y + height) / self.down)))
        x0, y0 = min(x0, x1 - 1), min(y0, y1 - 1)
        small = cv2.resize(patch.mask, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        return Patch(x0, y0, cv2.threshold(small, 127, 255, cv2.THRESH_BINARY)[1])

    def enlarge(self, mask: Image) -> Image:
        """uint8 [h, w] of 0 and 255 to [H, W], with smooth edges cut at the half."""
        if self.size == self.full:
            return mask
        grown = cv2.resize(mask, self.full[::-1], interpolation=cv2.INTER_LINEAR)
        return cv2.threshold(grown, 127, 255, cv2.THRESH_BINARY)[1]  # type: ignore[no-any-return]

    def _scale(self) -> Floats:
        return np.array([self.across, self.down] * 2, np.float32)
