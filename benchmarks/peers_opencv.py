"""Removal by OpenCV alone, as its tutorials put it together: what differs from a learned background goes; no network.

A mixture of Gaussians (MOG2, with the defaults of `createBackgroundSubtractorMOG2`) tells what is not background; its
shadows are let be, specks are opened away, and what is left is grown and filled: by `cv2.inpaint` (Telea, radius 3),
or by the background that the mixture has learned. Who stands still becomes background himself, and stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image

FOREGROUND = 255  # what MOG2 says of it; 127 is a shadow
SPECK, GROWN = 5, 15  # pixels a side
RADIUS = 3  # pixels


class Subtracted:
    """One frame after the other. Follows `benchmarks.baseline.Cleaner`."""

    def __init__(self, *, remembered: bool) -> None:
        """`remembered`: holes are filled with the learned background, and not with what is around them."""
        self.calls = 0
        self._remembered = remembered
        self._mixture = cv2.createBackgroundSubtractorMOG2()
        self._speck, self._grown = (np.ones((side, side), np.uint8) for side in (SPECK, GROWN))

    def clean(self, image: Image) -> Image:
        """The frame without what moves, uint8 [H, W, 3] BGR."""
        hole = self.hole(image)
        if not hole.any():
            return image
        self.calls += 1
        if not self._remembered:
            return np.asarray(cv2.inpaint(image, hole, RADIUS, cv2.INPAINT_TELEA), np.uint8)
        result = image.copy()
        cv2.copyTo(self._mixture.getBackgroundImage(), hole, result)
        return result

    def hole(self, image: Image) -> Image:
        """What is not background, uint8 [H, W] of 0 and 255; the mixture learns the frame. All of the first one is
        new to it: nothing of that is taken out."""
        first = self._mixture.getBackgroundImage() is None
        mask = self._mixture.apply(image)
        if first:
            return np.zeros(image.shape[:2], np.uint8)
        sure = np.where(mask == FOREGROUND, 255, 0).astype(np.uint8)
        opened = cv2.morphologyEx(sure, cv2.MORPH_OPEN, self._speck)
        return np.asarray(cv2.dilate(opened, self._grown), np.uint8)
