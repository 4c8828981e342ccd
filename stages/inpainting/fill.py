"""Inpainting: invents what neither the picture nor the plate knows; knows models by name only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from models.base import Inpainter, ModelError
from models.canvas import scaled
from models.registry import load_inpainter, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform, live
from stages.box import Box
from stages.inpainting.holes import find_crops, widened
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
    margin: int = live(default=48, ge=4, le=512, description="pixels of picture around a hole that the model sees")
    scale: float = live(
        default=1.0, ge=0.1, le=1, description="size at which the model works: at 0.5 quicker by about 4, and softer"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, ...")
    precision: Literal["auto", "float32", "bfloat16"] = Field(default="auto", description="auto is float32")

    _inpainter: Inpainter = PrivateAttr()
    _fallback: Inpainter = PrivateAttr()
    _seam: Seam = PrivateAttr()

    def weights_needed(self) -> list[str]:
        """What is fetched before a run; `auto` is content with what is here."""
        return weights_needed("inpaint", self.model, self.weights)

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
        for box, invented in self._invent(frame):
            cv2.copyTo(invented, box.of(frame.rest), box.of(frame.clean))
            self._blend(frame, box)
            self.context.progress()

    def _blend(self, frame: Frame, box: Box) -> None:
        self._seam.blend(box.of(frame.clean), box.of(frame.filled), box.of(frame.mask), box.of(frame.rest))

    def _invent(self, frame: Frame) -> Iterator[tuple[Box, Image]]:
        """Boxes that hold all of the rest and do not overlap, each with a picture for it."""
        large: list[Box] = []
        for box in find_crops(frame.rest, self.margin):
            if cv2.countNonZero(box.of(frame.rest)) < SPECK:
                yield box, self._fallback.inpaint(*_crop(frame, box))
            else:
                large.append(box)
        # A window may show a neighbour's hole: it is a hole there too, and only what is in the box is taken.
        windows = [self._window(box, *frame.rest.shape) for box in large]
        fits = [scaled(window.y1 - window.y0, window.x1 - window.x0, self.scale) for window in windows]
        crops = [fit.lay(*_crop(frame, window)) for fit, window in zip(fits, windows, strict=True)]
        for at, picture in self._inpainter.inpaint_many(crops):
            box, window = large[at], windows[at]
            if picture is None:
                self.context.count("nan_fallback")
                yield box, self._fallback.inpaint(*_crop(frame, box))
            else:
                yield box, np.ascontiguousarray(_inside(box, window).of(fits[at].take(picture)))

    def _window(self, box: Box, height: int, width: int) -> Box:
        """What the model is shown of the picture for a box: more, where that costs nothing."""
        if self.scale < 1:
            return box
        return widened(box, *self._inpainter.window(box.y1 - box.y0, box.x1 - box.x0), height, width)

    def _load(self) -> Inpainter:
        name = "lama" if self.model == "auto" else self.model
        try:
            return load_inpainter(name, weights_file=self.weights, device=self.device, precision=self.precision)
        except ModelError as error:
            if self.model != "auto" or self.weights:
                raise SetupError(str(error)) from error
            self.context.note(f"inpainting with telea, a classical method ({error})")
            return self._fallback


def _crop(frame: Frame, box: Box) -> tuple[Image, Image]:
    return np.ascontiguousarray(box.of(frame.filled)), np.ascontiguousarray(box.of(frame.rest))


def _inside(box: Box, window: Box) -> Box:
    """The box in coordinates of the window that holds it."""
    return Box(box.x0 - window.x0, box.y0 - window.y0, box.x1 - window.x0, box.y1 - window.y0)
