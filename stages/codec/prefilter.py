"""Prefilter: the background is smoothed and calmed before it is coded, so that it takes fewer bits; the region is not
touched."""

from __future__ import annotations

import numpy as np

from models.base import Image

SIGMA = 3.0  # pixels of blur at full strength
NOISE = 4.0  # levels by which pixels may differ in the mean from what they were, at full strength, to count as the same
AROUND = 9  # pixels of the square of that mean: where something moves, what is found again must stay as sharp as it was
KEPT = 0.75  # of what was remembered, where a pixel counts as the same
FEATHER = 8  # pixels from the region to where the background is smoothed in full


class Prefilter:
    """Smooths one stream's pictures, in space by a blur, in time by what it remembers of the ones before."""

    def __init__(self, strength: float, feather: int = FEATHER) -> None:
        """`strength` from 0, which changes nothing, to 1; it may change between two pictures."""
        self.strength = strength
        self._side = 2 * feather + 1
        self._memory: Image | None = None

    def apply(self, image: Image, mask: Image) -> Image:
        """A new picture, uint8 [H, W, 3] BGR: what `mask` (uint8 [H, W]) holds at 255 is as in `image`, bit for bit."""
        import cv2

        if self.strength <= 0:
            self._memory = None
            return image.copy()
        smooth = self._calmed(cv2.GaussianBlur(image, (0, 0), SIGMA * self.strength))
        # The mean over a square of what was grown by the same square is full wherever the mask is.
        square = (self._side, self._side)
        near = cv2.blur(cv2.dilate(mask, np.ones(square, np.uint8)), square)
        inside = near.astype(np.float32) / 255
        mixed = cv2.blendLinear(image, smooth, inside, 1 - inside)
        cv2.copyTo(image, mask, mixed)
        return np.asarray(mixed)

    def _calmed(self, smooth: Image) -> Image:
        """The same with less noise: pixels that hardly differ from what they were move only a part of the way."""
        import cv2

        before, calmed = self._memory, smooth
        if before is not None and before.shape == smooth.shape:
            changed = cv2.cvtColor(cv2.absdiff(smooth, before), cv2.COLOR_BGR2GRAY)
            same = cv2.compare(cv2.blur(changed, (AROUND, AROUND)), NOISE * self.strength, cv2.CMP_LT)
            between = cv2.addWeighted(smooth, 1 - KEPT, before, KEPT, 0)
            calmed = smooth.copy()
            cv2.copyTo(between, same, calmed)
        self._memory = calmed
        return calmed
