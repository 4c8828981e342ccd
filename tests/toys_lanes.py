"""Stages that say in whose process they are set up, renewed and used, for tests of runs that follow each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import PrivateAttr

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Transform


class Counting(Transform):
    """Paints how many frames this object has seen; writes a line to `diary` for each thing that it is told."""

    writes: ClassVar[tuple[str, ...]] = ("clean",)
    diary: str = ""
    keeps: bool = False

    _seen: int = PrivateAttr(default=0)

    def _say(self, what: str) -> None:
        with Path(self.diary).open("a") as diary:
            diary.write(f"{what} {os.getpid()}\n")

    def setup(self, spec: FrameSpec) -> None:
        self._say("setup")

    def renew(self, spec: FrameSpec) -> bool:
        self._say("renew")
        self._seen = 0
        return self.keeps

    def process(self, frame: Frame) -> None:
        if frame.index == 3 and os.environ.get("BREAK") == "1":
            os._exit(9)
        frame.clean[:] = np.uint8(self._seen % 256)
        self._seen += 1

    def close(self) -> None:
        self._say("close")
