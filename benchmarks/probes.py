"""Stages that do no work, so that whatever happens between and beside them is the runtime's own doing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from benchmarks.sleepers import Take, Work
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source, Transform


class Paced(Source):
    """Brings `count` empty frames of the given size, `every` seconds apart."""

    count: int = 300
    every: float = 0.004
    width: int = 1280
    height: int = 720

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height)

    def frames(self) -> Iterator[None]:
        due = time.monotonic()
        for index in range(self.count):
            self.frame.pts = index
            yield
            due += self.every
            time.sleep(max(0.0, due - time.monotonic()))


class Stamp(Transform):
    """Writes into the mask plane when it was done: one machine, one clock."""

    writes = ("mask",)

    def process(self, frame: Frame) -> None:
        frame.mask[0, :8].view("<i8")[0] = time.monotonic_ns()


class Clock(Sink):
    """Reads how long ago the stage before was done; now and then copies a frame's worth of memory, for comparison."""

    reads = ("mask",)

    _hops: list[float]
    _copies: list[float]
    _warm_copies: list[float]
    _source: Any
    _target: Any

    def setup(self, spec: FrameSpec) -> None:
        self._hops, self._copies, self._warm_copies = [], [], []
        self._source = np.ones((4, spec.height, spec.width, 3), np.uint8)
        self._target = np.zeros((4, spec.height, spec.width, 3), np.uint8)

    def write(self, frame: Frame) -> None:
        self._hops.append((time.monotonic_ns() - int(frame.mask[0, :8].view("<i8")[0])) / 1e3)
        if frame.index % 4 == 0:
            at = frame.index // 4 % 4  # another part of memory each time: a new frame is never in the cache either
            self._copies.append(self._copy(at))
            self._warm_copies.append(self._copy(at))

    def _copy(self, at: int) -> float:
        begun = time.perf_counter_ns()
        np.copyto(self._target[at], self._source[at])
        return (time.perf_counter_ns() - begun) / 1e3

    def finish(self) -> dict[str, Any]:
        hops = self._hops[min(20, len(self._hops) // 2) :]  # the first ones are for warming up
        copies, warm = (found[min(5, len(found) // 2) :] for found in (self._copies, self._warm_copies))
        if not copies:
            return {}  # interrupted before the first frame
        return {
            "hop_us": float(np.median(hops)),
            "hop_p99_us": float(np.percentile(hops, 99)),
            "memcpy_us": float(np.median(copies)),
            "memcpy_in_cache_us": float(np.median(warm)),
        }


class Idle(Work):
    """Is lent the picture and a plane of its own, and touches neither."""

    writes = ("clean",)


class IdleMask(Work):
    """The same for small planes."""

    reads = ("image", "clean")
    writes = ("mask", "objects")


class IdleSink(Take):
    """Is lent everything, and touches nothing."""

    reads: ClassVar[tuple[str, ...]] = ("image", "clean", "mask", "objects")


class Copying(Idle):
    """Reads every pixel of each frame into memory of its own: what the runtime must not do."""

    _kept: Any

    def setup(self, spec: FrameSpec) -> None:
        self._kept = np.zeros((spec.height, spec.width, 3), np.uint8)

    def process(self, frame: Frame) -> None:
        np.copyto(self._kept, frame.image)
        super().process(frame)
