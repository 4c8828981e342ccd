"""Segmentation: writes what was found and the mask of it; knows no model by name."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PrivateAttr

from models.base import ModelError, Segmenter
from models.registry import load_segmenter, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import live
from stages.network import OnNetwork
from stages.segmentation.growth import grow_mask
from stages.segmentation.labels import to_rows
from stages.zones import Zoned, fingerprint


class Finding(OnNetwork):
    """A transform with a network that finds everything of the wanted classes in a frame by itself."""

    model: str = Field(
        default="yolov5s-seg", description="see `cleanplate models list`; or the path of a YOLO checkpoint (.pt)"
    )
    classes: list[str] = live(default=["person"], min_length=1, description="names of the classes to find")
    confidence: float = live(default=0.25, gt=0, lt=1, description="objects scored below this are ignored")
    iou: float = live(default=0.45, gt=0, le=1, description="boxes of one class that overlap more are one object")
    contour: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="probability above which a pixel is part of an object; lower: more generous",
    )
    grow: int = live(default=8, ge=0, le=256, description="pixels by which each mask is dilated")
    size: int = Field(
        default=640, ge=64, le=4096, multiple_of=32, description="long side of the network's input, pixels"
    )

    _segmenter: Segmenter = PrivateAttr()

    @property
    def least(self) -> float:
        """The score below which nothing is reported."""
        return self.confidence

    def weights_needed(self) -> list[str]:
        """What is fetched before a run."""
        return weights_needed("segment", self.model, self.weights)

    def setup(self, spec: FrameSpec) -> None:
        """Load the model and warm it up on the stream's size. Raises SetupError."""
        try:
            self._segmenter = load_segmenter(
                self.model,
                classes=self.classes,
                weights_file=self.weights,
                confidence=self.least,
                iou=self.iou,
                contour=self.contour,
                size=self.size,
                engine=self.engine,
                device=self.device,
                precision=self.precision,
            )
        except ModelError as error:
            raise SetupError(str(error)) from error
        self.context.model(**self._segmenter.info.facts())
        if self._segmenter.info.note:
            self.context.note(f"{self.model} runs on {self._segmenter.info.engine}: {self._segmenter.info.note}")
        self.context.warmed(self._segmenter.warm_up(spec.height, spec.width))

    def changed(self, fields: frozenset[str]) -> None:
        """Raises SetupError for a class that the model does not know."""
        try:
            self._segmenter.tune(classes=self.classes, confidence=self.least, iou=self.iou)
        except ModelError as error:
            raise SetupError(str(error)) from error

    @property
    def choice(self) -> int:
        """Another number whenever it was newly said what is to be found."""
        return fingerprint(self.classes, self.confidence)


class Segmentation(Zoned, Finding):
    """Finds everything of the wanted classes in each frame by itself."""

    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")

    def process(self, frame: Frame) -> None:
        """Write `objects` and `mask`. Raises FloatingPointError where the model's answer is not finite."""
        found = self._segmenter.segment(frame.image)
        found.paint(frame.mask)
        grow_mask(frame.mask, self.grow)
        self.conclude(frame, to_rows(found), self.choice)
