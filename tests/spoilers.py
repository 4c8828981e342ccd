"""Stages that spoil a figure of the transport on purpose: a benchmark that does not notice them measures nothing."""

from __future__ import annotations

import fcntl
import mmap
import time
from pathlib import Path

from benchmarks.probes import Idle
from benchmarks.sleepers import Work
from pipeline.frame import Frame


class Serial(Work):
    """Lets no other of its kind in the same run work at the same time."""

    def process(self, frame: Frame) -> None:
        with (Path(self.diary).parent / "one at a time").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            super().process(frame)


class Hiding(Work):
    """Is kept for 20 ms by each frame that it has done, as by a runtime that takes so long to move on."""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        time.sleep(0.02)


class Peeking(Idle):
    """Looks at one pixel in each row."""

    def process(self, frame: Frame) -> None:
        self.context.count("dark rows", int((frame.image[:, 0, 0] == 0).sum()))
        super().process(frame)


class Greedy(Idle):
    """Takes fresh memory of the size of each frame."""

    def process(self, frame: Frame) -> None:
        with mmap.mmap(-1, frame.image.nbytes) as fresh:
            fresh.write(bytes(frame.image.nbytes))
        super().process(frame)
