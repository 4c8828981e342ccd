"""Toy stages that remember: pictures in a pool, frames that come back finished, frames that come later."""

from __future__ import annotations

import os
import signal

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Transform

SHELVES = 3


class Shelves(Transform):
    """Keeps the last pictures in a pool, and writes of the one two frames ago its first byte into the mask.

    Frame `kill_at` kills its worker once (the file `once` is made), when half of a picture is on its shelf."""

    writes = ("mask",)
    stateful = True

    kill_at: int = -1
    once: str = ""

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"kept": ((), "<i8")}  # so many pictures: the last ones lie on the shelves kept - 1, kept - 2

    def pool(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"pictures": ((SHELVES, spec.height, spec.width, 3), "|u1")}

    def process(self, frame: Frame) -> None:
        kept, pictures = int(frame.before["kept"][()]), frame.pool["pictures"]
        frame.mask[:] = pictures[(kept - 2) % SHELVES, 0, 0, 0] if kept >= 2 else 0
        half = len(frame.image) // 2
        pictures[kept % SHELVES, :half] = frame.image[:half]
        if frame.index == self.kill_at and not os.path.exists(self.once):
            pictures[kept % SHELVES, 0] = 255
            os.close(os.open(self.once, os.O_CREAT, 0o600))
            signal.raise_signal(signal.SIGKILL)
        pictures[kept % SHELVES, half:] = frame.image[half:]
        frame.after["kept"][()] = kept + 1


class ShelvesWithoutState(Shelves):
    stateful = False


class ShelvesOfOneName(Shelves):
    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return super().memory(spec) | {"pictures": ((1,), "<i8")}
