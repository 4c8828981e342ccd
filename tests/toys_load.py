"""Toy stages for a live source that brings too much: one that takes long, one that keeps state, sinks fast and slow."""

from __future__ import annotations

import time
from typing import ClassVar

from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Layout
from pipeline.stage import Sink, Transform, live
from stages.ingest.feed import Feed
from stages.ingest.reader import Line


class Slow(Transform):
    """clean = image; takes `ms` milliseconds for every frame, or for each one in `every`."""

    writes: ClassVar[tuple[str, ...]] = ("clean",)

    ms: float = live(default=100.0, ge=0, le=1000)
    every: int = Field(default=1, ge=1)

    _frames: int = PrivateAttr(default=0)

    def process(self, frame: Frame) -> None:
        self._frames += 1
        if self._frames % self.every == 0:
            time.sleep(self.ms / 1000)
        frame.clean[:] = frame.image


class Ordered(Transform):
    """Keeps the number of its last frame in lasting memory, and breaks where that did not grow."""

    reads: ClassVar[tuple[str, ...]] = ("clean",)
    writes: ClassVar[tuple[str, ...]] = ("mask",)
    stateful: ClassVar[bool] = True

    ms: float = Field(default=0.0, ge=0)

    def memory(self, spec: FrameSpec) -> Layout:
        return {"last": ((1,), "<i8")}

    def process(self, frame: Frame) -> None:
        assert frame.index >= int(frame.before["last"][0]), "frames go backwards"
        frame.after["last"][:] = frame.index
        time.sleep(self.ms / 1000)
        frame.mask[:] = frame.index % 251


class Count(Sink):
    """Takes `ms` milliseconds for a frame, and all the time in the world for the one numbered `hangs_at` or the next
    after that, once."""

    reads: ClassVar[tuple[str, ...]] = ("clean", "mask")

    ms: float = Field(default=0.0, ge=0)
    hangs_at: int = -1

    _resumed: bool = PrivateAttr(default=False)

    def resume(self, frames: int) -> None:
        self._resumed = True

    def write(self, frame: Frame) -> None:
        time.sleep(self.ms / 1000)
        if 0 <= self.hangs_at <= frame.index and not self._resumed:
            time.sleep(3600)


class Recall(Ordered):
    """The same before the pictures are clean; a finished frame that it is lent must have come before its own."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    recalls: ClassVar[tuple[str, ...]] = ("clean",)

    def process(self, frame: Frame) -> None:
        assert frame.finished is None or frame.finished.index < frame.index
        super().process(frame)


class Dropping(Feed):
    """A source drawn in real time, at any speed, that is lost after every `lasts` seconds and then comes back."""

    rate: int = Field(default=600, ge=1)
    lasts: float = Field(default=5.0, gt=0)

    def connect(self) -> Line:
        import av

        graph = f"testsrc2=size=64x48:rate={self.rate}:duration={self.lasts}"
        return Line(av.open(graph, format="lavfi"), paced=True)
