"""Stages that take a given time for a frame without taking the processor: stand-ins for work on a device of its own.

`time.sleep` comes back late. Each stage sleeps the less next time, so that the mean of its times is what it was asked
for, and notes in its diary what every frame really took: a benchmark divides by that and not by what it asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from benchmarks.diary import Diary
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source, Stage, Transform


class Naps:
    """Sleeps of the same length; `late_ns` is how much longer than asked all of them were together."""

    def __init__(self, ms: float) -> None:
        self._wanted = round(ms * 1e6)
        self.late_ns = 0

    def take(self, begun: int) -> None:
        """Sleep until so long after `begun`, but for what earlier ones were late."""
        if not self._wanted:
            return
        while (left := begun + self._wanted - self.late_ns - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        self.late_ns += time.monotonic_ns() - begun - self._wanted


class _Timed(Stage):
    """What the three have in common. `ms`: time for a frame; `diary`: see `benchmarks.diary`."""

    deadline = 60.0  # on a crowded machine too, a figure is one of an undisturbed run

    ms: float = Field(default=0.0, ge=0)
    diary: str = ""

    _diary: Diary = PrivateAttr()
    _naps: Naps = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        self._diary, self._naps = Diary(self.diary), Naps(self.ms)

    def close(self) -> None:
        self._diary.close()

    def _spend(self, index: int) -> None:
        begun = time.monotonic_ns()
        self._naps.take(begun)
        self._diary.note(index, begun)


class Feed(_Timed, Source):
    """Brings `count` empty frames: as fast as it is asked for them, or one every `every_ms`, as a camera does.

    A camera does not wait: a frame that nobody has asked for by the time of the next one was never there."""

    count: int = Field(default=100, ge=1)
    every_ms: float = Field(default=0.0, ge=0)
    width: int = 320
    height: int = 240

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height)

    def frames(self) -> Iterator[None]:
        every = round(self.every_ms * 1e6)
        due = time.monotonic_ns()
        for index in range(self.count):
            if every:
                now = time.monotonic_ns()
                due += every * max(1, -(-(now - due) // every))
                time.sleep(max(0.0, (due - now) / 1e9))
            self._spend(index)
            self.frame.pts = index
            yield


class Work(_Timed, Transform):
    """Takes its time."""

    def process(self, frame: Frame) -> None:
        self._spend(frame.index)


class Take(_Timed, Sink):
    """The same, at the end."""

    reads: ClassVar[tuple[str, ...]] = ("image",)

    def write(self, frame: Frame) -> None:
        self._spend(frame.index)
