"""Plate: puts the background seen so far into the holes where it is known; knows no model."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform
from stages.inpainting.background import Background
from stages.inpainting.change import ChangeTest
from stages.inpainting.drift import DriftTest
from stages.inpainting.seam import Seam


class Plate(Transform):
    """Learns what is outside the mask and shows it where the mask is. For a camera that stands still.

    A cut or a moving camera makes it forget everything: a wrong plate is worse than none.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "mask")
    writes: ClassVar[tuple[str, ...]] = ("filled", "rest")
    stateful: ClassVar[bool] = True

    tolerance: int = Field(
        default=20, ge=1, le=128, description="levels of blue, green or red within which a pixel is unchanged"
    )

    _free: Image = PrivateAttr()
    _known: Image = PrivateAttr()
    _background: Background = PrivateAttr()
    _change: ChangeTest = PrivateAttr()
    _drift: DriftTest = PrivateAttr()
    _seam: Seam = PrivateAttr()

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        """That of the background and that of the drift test."""
        size = (spec.height, spec.width)
        return Background.memory(*size) | DriftTest(*size).memory()

    def setup(self, spec: FrameSpec) -> None:
        size = (spec.height, spec.width)
        self._free, self._known = np.empty(size, np.uint8), np.empty(size, np.uint8)
        self._background = Background(*size, self.tolerance)
        self._change, self._drift, self._seam = ChangeTest(*size), DriftTest(*size), Seam(*size)

    def process(self, frame: Frame) -> None:
        """Learn; then write `filled` and `rest`. Depends on nothing but the frame and its `before`."""
        forget = self._learn(frame)
        if forget:
            self.context.count("plate_forgotten")
        self._background.known(frame.mask, frame.after, out=self._known)
        cv2.subtract(frame.mask, self._known, dst=frame.rest)
        np.copyto(frame.filled, frame.image)
        cv2.copyTo(frame.after["color"], self._known, frame.filled)
        self._seam.blend(frame.filled, frame.image, frame.mask, self._known)

    def _learn(self, frame: Frame) -> bool:
        """Leave the next state of the memory complete; say whether the former one was forgotten."""
        cv2.compare(frame.mask, 0, cv2.CMP_EQ, dst=self._free)
        differs = self._background.compare(frame.image, self._free, frame.before)
        changed = self._change.happened(self._free, differs, frame.before["votes"])
        forget = self._drift.happened(frame.image, frame.mask, frame.before) or changed
        self._background.learn(frame.image, self._free, frame.before, frame.after, forget)
        self._drift.renew(frame.before, frame.after, forget)
        return forget
