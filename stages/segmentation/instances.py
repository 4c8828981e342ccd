"""InstanceSegmentation: who is where in a frame by itself, one by one, for the stage that follows them over time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import OBJECT, Frame, FrameSpec
from pipeline.stage import live
from stages.segmentation.labels import LOW, MOST, Labeller, to_rows
from stages.segmentation.stage import Segmentation

_NOBODY = np.zeros(0, OBJECT)


class InstanceSegmentation(Segmentation):
    """Finds everything of the wanted classes, also what is hardly seen: that only serves to go on with a track."""

    writes: ClassVar[tuple[str, ...]] = ("found", "labels")

    contour: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="probability above which a pixel is part of an object; lower: more generous",
    )
    low: float = live(
        default=0.05, gt=0, lt=1, description="who is already followed is still seen with this score; see `confidence`"
    )
    every: int = live(
        default=1, ge=1, le=100, description="look at each so-many-th frame; tracking moves masks on in between"
    )

    _labeller: Labeller = PrivateAttr()
    _live: bool = PrivateAttr(default=False)
    _looked: int | None = PrivateAttr(default=None)

    @property
    def least(self) -> float:
        """The lower of both thresholds."""
        return min(self.low, self.confidence)

    def setup(self, spec: FrameSpec) -> None:
        """Load the model and warm it up on the stream's size. Raises SetupError."""
        super().setup(spec)
        self._labeller, self._live, self._looked = Labeller(spec.height, spec.width), spec.live, None

    def process(self, frame: Frame) -> None:
        """Write `found` and `labels`. Raises FloatingPointError where the model's answer is not finite."""
        if not self._due(frame.index):
            frame.put_found(_NOBODY, skipped=True)
            frame.labels[:] = 0
            return
        found = self._segmenter.segment(frame.image)
        rows = to_rows(found, self.confidence)[:MOST]
        self._labeller.label(found.patches, int((rows["flags"] & LOW == 0).sum()), self.grow, frame.labels)
        frame.put_found(rows)
        self._looked = frame.index

    def _due(self, index: int) -> bool:
        """Of a file the same frames in every run. Of a live stream this worker may never be given those."""
        if not self._live or self._looked is None:
            return self._live or index % self.every == 0
        return not 0 < index - self._looked < self.every
