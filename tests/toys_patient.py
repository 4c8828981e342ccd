"""Toy stages that wait: a source whose input is silent, a sink that looks around while no frame comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source


class Silent(Source):
    """Brings a few frames, then waits for more that never come, as a camera that was unplugged."""

    live = True

    count: int = 3

    def open(self) -> FrameSpec:
        return FrameSpec(width=16, height=16)

    def frames(self) -> Iterator[None]:
        for number in range(self.count):
            self.frame.image[:] = number
            self.frame.pts = number
            yield
        self.context.says("waiting")
        while not self.context.asked_to_leave():
            time.sleep(0.01)
        self.context.count("left_when_asked")


class Watchful(Sink):
    """Counts how often no frame came; with `enough`, its user has had enough after so many times."""

    reads = ("image",)
    pulse = 0.3  # longer than the time between two bulletins
    wants_news = True

    output: str = ""
    enough: int = 0

    _idle: int = 0
    _frames: int = 0

    def write(self, frame: Frame) -> None:
        self._frames += 1

    def idle(self) -> None:
        self._idle += 1
        Path(self.output).write_text(str(self._idle))
        if self._idle == self.enough:
            self.context.end()

    def finish(self) -> dict[str, int]:
        return {"frames": self._frames, "idle": self._idle, "source": self.context.news.source}
