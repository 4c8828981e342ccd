"""Stages for measuring removal: a plate that knows nothing, a network whose answer is the truth, a counter of calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from benchmarks.removal_clip import Clip, read_clip
from models.base import Image, Instances, Segmenter
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Transform
from stages.segmentation import InstanceSegmentation


class Unremembered(Transform):
    """In the place of the plate: leaves every hole of every frame to the inpainter, as all do who remember nothing."""

    reads: ClassVar[tuple[str, ...]] = ("image", "mask")
    writes: ClassVar[tuple[str, ...]] = ("filled", "rest")

    def process(self, frame: Frame) -> None:
        np.copyto(frame.filled, frame.image)
        np.copyto(frame.rest, frame.mask)


class TrueInstances(InstanceSegmentation):
    """Takes the network's time and says where the people of a `removal_clip` are: for weights that know nothing."""

    clip: str

    def setup(self, spec: FrameSpec) -> None:
        super().setup(spec)
        self._segmenter = Knowing(self._segmenter, read_clip(Path(self.clip)))

    def process(self, frame: Frame) -> None:
        assert isinstance(self._segmenter, Knowing)
        self._segmenter.index = frame.index
        super().process(frame)


class Knowing:
    """Asks the network, and answers from the clip. Follows `models.base.Segmenter`."""

    def __init__(self, network: Segmenter, clip: Clip) -> None:
        self._network, self._clip, self.index = network, clip, 0
        self.info, self.names = network.info, network.names

    def tune(self, **how: Any) -> None:
        self._network.tune(**how)

    def warm_up(self, height: int, width: int) -> float:
        return self._network.warm_up(height, width)

    def segment(self, image: Image) -> Instances:
        self._network.segment(image)
        return self._clip.instances(self.index % len(self._clip.places))


class Counter(Sink):
    """Counts, after so many seconds of the clip, the frames of which the plate left something to the inpainter."""

    reads: ClassVar[tuple[str, ...]] = ("rest",)

    after_s: float = 2.0

    _first: float = PrivateAttr(default=0.0)
    _seen: int = PrivateAttr(default=0)
    _called: int = PrivateAttr(default=0)

    def setup(self, spec: FrameSpec) -> None:
        self._first = self.after_s * float(spec.rate)

    def write(self, frame: Frame) -> None:
        if frame.index >= self._first:
            self._seen += 1
            self._called += bool(frame.rest.any())

    def finish(self) -> dict[str, Any]:
        return {"frames": self._seen, "calls": self._called}
