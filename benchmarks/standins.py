"""Stages that take a given time for a frame and hold no model: in the place of those that do, or to try things on."""

from __future__ import annotations

import hashlib
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec
from pipeline.importer import load_class
from pipeline.stage import Transform

BLOCK = bytes(1 << 18)  # hashed to burn CPU: a quarter of a millisecond, without the interpreter's lock


class Taking(Transform):
    """`clean` is `image`, after so long: computing for `cpu_ms`, in as many threads as that takes, then asleep."""

    writes = ("clean",)

    service_ms: float = Field(default=40.0, ge=0)
    cpu_ms: float = Field(default=0.0, ge=0, description="of all threads together")

    _threads: ThreadPoolExecutor = PrivateAttr()
    _late: float = PrivateAttr(default=0.0)  # seconds that were too many so far: sleep comes back late

    @property
    def parts(self) -> int:
        """Threads that have to compute at once."""
        return max(1, math.ceil(self.cpu_ms / self.service_ms - 1e-6)) if self.service_ms else 1

    def setup(self, spec: FrameSpec) -> None:
        self._threads = ThreadPoolExecutor(max(1, self.parts - 1))

    def process(self, frame: Frame) -> None:
        begun = time.perf_counter()
        self.fill(frame)
        self.spend(begun)

    def fill(self, frame: Frame) -> None:
        np.copyto(frame.clean, frame.image)

    def spend(self, begun: float) -> None:
        """Until its time is up."""
        share = self.cpu_ms / 1000 / self.parts
        others = [self._threads.submit(_burn, share) for _ in range(self.parts - 1)]
        _burn(share)
        for other in others:
            other.result()
        left = begun + self.service_ms / 1000 - time.perf_counter() - self._late
        if left > 0:
            time.sleep(left)
            late = self._late + time.perf_counter() - begun - self.service_ms / 1000
            self._late = min(late, self.service_ms / 5000)  # a stall is not made good

    def close(self) -> None:
        self._threads.shutdown()


class StandIn(Taking):
    """In the place of a stage of the class `stands_for`: reads what that one reads and writes what that one writes.

    What it finds is a box of a person's size that walks through the picture, so that what follows has work to do."""

    stands_for: str

    @property
    def _class(self) -> Any:
        return load_class(self.stands_for)

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self._class.reads)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self._class.writes)

    @property
    def planes(self) -> Any:  # type: ignore[override]
        return self._class.planes

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        return bool(self._class.stateful)

    def fill(self, frame: Frame) -> None:
        pictures = [frame.planes[name] for name in self.reads if frame.planes[name].ndim == 3]
        for name in self.writes:
            plane = frame.planes[name]
            if plane.ndim == 3 and pictures:
                np.copyto(plane, pictures[0])
            elif plane.ndim == 2:
                _walk(plane, frame.index)
            elif plane.dtype.names:
                plane["count"] = 0


def _walk(mask: NDArray[Any], index: int) -> None:
    height, width = mask.shape
    left = index * 3 % width
    mask[:] = 0
    mask[height // 3 : height * 2 // 3, left : left + max(1, width // 12)] = 255


def _burn(cpu_s: float) -> None:
    """Compute for so long by this thread's own clock."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        hashlib.blake2b(BLOCK).digest()


def big_lama(folder: Path) -> Path:
    """A LaMa file of the true architecture with random weights, for LAMA_MODEL: right for time, not for pictures."""
    from benchmarks import random_lama  # torch, which stages that only take time do without

    return random_lama.big_lama(folder)
