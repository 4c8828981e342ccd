"""Finishing: makes what was invented fit the picture around it, in light, detail and noise; knows no model."""

from __future__ import annotations

import cv2

from pipeline.frame import Image
from stages.inpainting.grain import Grain, noise_of
from stages.inpainting.rim import match_rim
from stages.inpainting.texture import carry


class Finish:
    """Finishes every answer with the same pattern of noise, so that it lies still from frame to frame."""

    def __init__(self) -> None:
        self._grain = Grain()

    def __call__(
        self, made: Image, shown: Image, hole: Image, x: int, y: int, *, light: bool, texture: bool, grain: bool
    ) -> Image:
        """What was `made` for the `hole` [h, w] (0 and 255) of what is `shown` [h, w, 3], whose left upper corner is at
        (x, y) of the picture, uint8; outside the hole it is what is shown. `made` may be written over. What is shown
        inside the hole has no part in it."""
        found = match_rim(made, shown, hole) if light else made
        known = cv2.bitwise_not(hole)
        cv2.copyTo(shown, known, found)
        if texture or grain:
            noise = noise_of(found, known)
        if texture:
            carry(found, hole, x, y, noise)
        if grain:
            self._grain.add(found, hole, x, y, noise)
        return found
