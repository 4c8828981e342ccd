"""Finishing: makes what was invented fit the picture around it, in light, detail and noise; knows no model."""

from __future__ import annotations

import cv2

from pipeline.frame import Image
from stages.inpainting.grain import Grain
from stages.inpainting.rim import match_rim
from stages.inpainting.texture import carry


class Finish:
    """One pattern of noise for all frames."""

    def __init__(self) -> None:
        self._grain = Grain()

    def __call__(
        self, made: Image, shown: Image, hole: Image, x: int, y: int, *, light: bool, texture: bool, grain: bool
    ) -> Image:
        """What was `made` for the `hole` [h, w] of what is `shown` [h, w, 3], whose left upper corner is at (x, y) of
        the picture, both uint8; outside the hole it is what is shown. `made` may be written over."""
        found = match_rim(made, shown, hole) if light else made
        cv2.copyTo(shown, cv2.bitwise_not(hole), found)
        if texture:
            carry(found, hole, x, y)
        if grain:
            self._grain.add(found, hole, x, y)
        return found
