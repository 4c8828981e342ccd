"""Inpainting: invents what neither the picture nor the plate knows; knows models by name only."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from models.base import Inpainter, ModelError
from models.registry import load_inpainter, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform
from stages.box import Box
from stages.inpainting.holes import find_crops
from stages.inpainting.seam import Seam

SPECK = 64  # pixels: a smaller hole is not worth a network


class Inpainting(Transform):
    """Fills what is left of the holes, each frame by itself, from crops around them."""

    reads: ClassVar[tuple[str, ...]] = ("filled", "rest", "mask")
    writes: ClassVar[tuple[str, ...]] = ("clean",)
    heavy: ClassVar[bool] = True
    deadline: ClassVar[float] = 10.0

    model: str = Field(default="auto", description="auto, lama, telea; auto is lama where its weights are")
    weights: str | None = Field(default=None, description="a weights file of one's own")
    margin: int = Field(default=48, ge=4, le=512, description="pixels of picture around a hole that the model sees")

    _inpainter: Inpainter = PrivateAttr()
    _fallback: Inpainter = PrivateAttr()
    _seam: Seam = PrivateAttr()

    def weights_needed(self) -> list[str]:
        """What is fetched before a run; `auto` is content with what is here."""
        return weights_needed(self.model, self.weights)

    def setup(self, spec: FrameSpec) -> None:
        """Load and warm up the model. Raises SetupError."""
        self._fallback = load_inpainter("telea")
        self._inpainter = self._load()
        self._seam = Seam(spec.height, spec.width)
        self.context.model(**self._inpainter.info.facts())
        self.context.warmed(self._inpainter.warm_up())

    def process(self, frame: Frame) -> None:
        """Write `clean`: `filled`, with the pixels of `rest` invented."""
        np.copyto(frame.clean, frame.filled)
        for crop in find_crops(frame.rest, self.margin):
            hole = crop.of(frame.rest)
            invented = self._invent(np.ascontiguousarray(crop.of(frame.filled)), np.ascontiguousarray(hole))
            cv2.copyTo(invented, hole, crop.of(frame.clean))
            self._blend(frame, crop)
            self.context.progress()

    def _blend(self, frame: Frame, crop: Box) -> None:
        self._seam.blend(crop.of(frame.clean), crop.of(frame.filled), crop.of(frame.mask), crop.of(frame.rest))

    def _invent(self, image: Image, hole: Image) -> Image:
        if cv2.countNonZero(hole) < SPECK:
            return self._fallback.inpaint(image, hole)
        try:
            return self._inpainter.inpaint(image, hole)
        except FloatingPointError:
            self.context.count("nan_fallback")
            return self._fallback.inpaint(image, hole)

    def _load(self) -> Inpainter:
        try:
            return load_inpainter("lama" if self.model == "auto" else self.model, weights_file=self.weights)
        except ModelError as error:
            if self.model != "auto" or self.weights:
                raise SetupError(str(error)) from error
            self.context.note(
                "inpainting with telea, a classical method: lama's weights are not here (`cleanplate models list`)"
            )
            return self._fallback
