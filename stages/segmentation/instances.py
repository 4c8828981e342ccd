"""InstanceSegmentation: who is where in a frame by itself, one by one, for the stage that follows them over time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from models.base import Instances
from models.pinned import Pins
from models.tiles import Tile, layout
from models.tiles import segment as in_tiles
from pipeline.frame import OBJECT, Frame, FrameSpec
from pipeline.stage import live
from stages.looks import Looks
from stages.segmentation.labels import MOST, Labeller, to_rows
from stages.segmentation.stage import Finding

LARGE, HUGE = 3.0, 4.5  # times the network's input: from there on two, three tiles side by side pay
SMALL = 70  # pixels of the network's input: who is smaller is found in tiles more often (benchmarks/tiles.py)
ROUND = 8  # frames: so often small people are looked for who are nowhere seen yet

_NOBODY = np.zeros(0, OBJECT)


class InstanceSegmentation(Finding):
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

    tiles: Literal["auto"] | Annotated[int, Field(ge=0, le=6)] = Field(
        default="auto",
        description="look at so many parts side by side too, for small people in large frames; 0: never; auto: in "
        "frames of more than three times `size`, where somebody small is seen, and in each eighth frame",
    )

    _label: Callable[..., Instances | None] | None = PrivateAttr(default=None)
    _pins: Pins = PrivateAttr(default_factory=lambda: Pins("cpu"))
    _parts: tuple[Tile, ...] = PrivateAttr(default=())
    _labeller: Labeller = PrivateAttr()
    _whole: int = PrivateAttr(default=-1)
    _looks: Looks = PrivateAttr(default_factory=Looks)
    _shape: tuple[int, int] = PrivateAttr(default=(0, 0))

    @property
    def least(self) -> float:
        """The lower of both thresholds."""
        return min(self.low, self.confidence)

    def setup(self, spec: FrameSpec) -> None:
        """Load the model and warm it up on the stream's size. Raises SetupError."""
        super().setup(spec)
        self._labeller, self._looks = Labeller(spec.height, spec.width), Looks(spec.live)
        self._shape = spec.height, spec.width
        across = self._across(max(spec.height, spec.width) / self.size)
        self._parts = tuple(layout(spec.height, spec.width, across)) if across > 1 else ()
        for part in self._parts[:1]:
            seconds = self._segmenter.warm_up(part.y1 - part.y0, part.x1 - part.x0)
            self.context.warmed(seconds * (len(self._parts) + 1))
        self._label = None if self._parts else self._ready_label(spec)

    def renew(self, spec: FrameSpec) -> bool:
        """The same network, warmed up for pictures of this size."""
        if self._looks.live or spec.live or (spec.height, spec.width) != self._shape:
            return False
        self._pins.close()  # the memory of the stream that has ended
        if self._label is not None:
            self._pins = Pins(self._segmenter.info.device)
        self._looks, self._whole = Looks(), -1
        return True

    def process(self, frame: Frame) -> None:
        """Write `found` and `labels`. Raises FloatingPointError where the model's answer is not finite."""
        if behind := self._looks.behind(frame, self.every):
            frame.put_found(_NOBODY, skipped=behind, choice=self.choice)
            frame.labels[:] = 0
            return
        found = self._labelled(frame)
        if found is None:
            found = self._find(frame)
            sure = int((found.scores[:MOST] >= self.confidence).sum())
            self._labeller.label(found.patches, sure, self.grow, frame.labels)
        frame.put_found(to_rows(found, self.confidence)[:MOST], choice=self.choice)
        self._looks.done(frame)

    def close(self) -> None:
        """Let go of the ring's memory."""
        self._pins.close()

    def _ready_label(self, spec: FrameSpec) -> Callable[..., Instances | None] | None:
        """How label maps are made where the network runs, warmed up; None where the segmenter cannot, or fails to."""
        label: Callable[..., Instances | None] | None = getattr(self._segmenter, "label", None)
        if label is None:
            return None
        image, out = np.full((spec.height, spec.width, 3), 127, np.uint8), np.zeros((spec.height, spec.width), np.uint8)
        seconds = []
        try:
            for _ in range(3):
                started = time.perf_counter()
                label(image, out, sure=self.confidence, grow=self.grow)
                seconds.append(time.perf_counter() - started)
        except RuntimeError as error:  # CUDA's: out of memory, or an operator that cannot be recorded
            first = str(error).strip().partition("\n")[0]
            self.context.note(f"{self.model}: label maps are made on the processor, slower: {first}")
            return None
        self.context.warmed(max(seconds[1:]))
        self._pins = Pins(self._segmenter.info.device)
        return label

    def _labelled(self, frame: Frame) -> Instances | None:
        """What was found, its labels written; None where it takes patches to make them."""
        if self._label is None:
            return None
        self._pins.pin(frame.image)
        return self._label(frame.image, frame.labels, sure=self.confidence, grow=self.grow)

    def _across(self, ratio: float) -> int:
        """Tiles side by side for a frame of that many times the network's input; 1 and less: none."""
        if self.tiles != "auto":
            return self.tiles
        return 1 if ratio <= LARGE else 2 if ratio <= HUGE else 3

    def _find(self, frame: Frame) -> Instances:
        found = self._segmenter.segment(frame.image)
        if not self._parts:
            return found
        self._whole += 1
        if self.tiles == "auto" and (self._whole if self._looks.live else frame.index) % ROUND:
            scale = self.size / max(frame.image.shape[:2])
            if not (found.boxes[:, 3] - found.boxes[:, 1] < SMALL / scale).any():
                return found
        return in_tiles(self._segmenter, frame.image, found, self._parts)
