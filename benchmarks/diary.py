"""Diaries: when each stage of a run began and ended each frame, noted by the stages themselves and read afterwards.

Every time is CLOCK_MONOTONIC in nanoseconds, which on one machine is the same clock in all processes. A diary stays in
the worker's memory while frames flow and is written when the worker ends: noting takes a microsecond, no system call.
"""

from __future__ import annotations

import os
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RunError

ROW = 3  # index, begun, done
Rows = NDArray[np.int64]  # [frames, ROW], in the order in which they were done


class Diary:
    """What one worker did. `path` begins the name of its file; nothing is kept where it is empty."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._numbers = array("q")

    def note(self, index: int, begun: int) -> None:
        """The frame `index`, begun at that time, is done now."""
        self._numbers.extend((index, begun, time.monotonic_ns()))

    def close(self) -> None:
        if self._path:
            rows = np.frombuffer(self._numbers, np.int64) if self._numbers else np.zeros(0, np.int64)
            np.save(f"{self._path}.{os.getpid()}.npy", rows.reshape(-1, ROW))


@dataclass(frozen=True)
class Timeline:
    """The diaries of all stages of one run: stage -> rows of all its workers."""

    rows: dict[str, Rows]

    @classmethod
    def read(cls, folder: Path, stages: list[str]) -> Timeline:
        """Raises RunError where a stage has left none."""
        found = {}
        for stage in stages:
            parts = [np.load(path) for path in folder.glob(f"{stage}.*.npy")]
            if not sum(map(len, parts)):
                raise RunError(f"{stage}: it has worked on no frame, so nothing is known of its times")
            together = np.concatenate(parts)
            found[stage] = together[np.argsort(together[:, 2], kind="stable")]
        return cls(found)

    def after(self, warm: int) -> Timeline:
        """The same without the frames numbered below `warm`."""
        return Timeline({stage: rows[rows[:, 0] >= warm] for stage, rows in self.rows.items()})

    def rate(self, stage: str, every: int = 1) -> float:
        """Frames/s that left this stage, over a multiple of `every` frames: as many as come in one burst."""
        done = self.rows[stage][:, 2]
        count = (len(done) - 1) // every * every
        if count <= 0:
            raise RunError(f"{stage}: {len(done)} frames are too few to tell its rate")
        return float(count / (done[count] - done[0]) * 1e9)

    def stage_ms(self, stage: str) -> NDArray[np.float64]:
        """How long each frame was in the stage's own hands."""
        rows = self.rows[stage]
        return (rows[:, 2] - rows[:, 1]) / 1e6

    def mean_ms(self, stage: str) -> float:
        """The true time of a stage for a frame; what it was asked to take is only near it."""
        return float(self.stage_ms(stage).mean())

    def latency_ms(self, first: str, last: str) -> NDArray[np.float64]:
        """From the moment `first` was done with a frame until `last` was, of every frame that came so far."""
        start = dict(self.rows[first][:, [0, 2]].tolist())
        return np.array([(done - start[at]) / 1e6 for at, done in self.rows[last][:, [0, 2]].tolist() if at in start])

    def in_order(self, stage: str) -> bool:
        """Whether the frames left this stage in the order in which they came in."""
        return bool((np.diff(self.rows[stage][:, 0]) > 0).all())
