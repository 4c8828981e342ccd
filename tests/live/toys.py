"""A camera of numbered pictures, at the pace of one, and a stage that changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Source, Transform
from tests.clips import picture


class Camera(Source):
    """Brings `count` numbered pictures, 25 a second. A file to the runtime: it loses none."""

    count: int = 100
    width: int = 160
    height: int = 120

    _next: int = 0

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height, rate=25, time_base="1/25", live=True)

    def resume(self, frames: int, pts: int) -> None:
        self._next = frames

    def frames(self) -> Iterator[None]:
        begun = time.monotonic() - self._next / 25
        for index in range(self._next, self.count):
            while (left := begun + index / 25 - time.monotonic()) > 0:
                if self.context.asked_to_leave():
                    return
                time.sleep(min(left, 0.05))
            self.frame.image[:] = picture(index % 256, self.width, self.height)
            self.frame.pts = index
            yield


class Copy(Transform):
    writes = ("clean",)

    def process(self, frame: Frame) -> None:
        np.copyto(frame.clean, frame.image)
