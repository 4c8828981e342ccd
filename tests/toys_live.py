"""Toy stages that can be set while they work, or that are awkward about it."""

from __future__ import annotations

import os
import time

from pydantic import Field

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Transform, live


class Dye(Transform):
    """Fills the mask with `level`; `told` is what the stage made of it when it was last told."""

    writes = ("mask",)

    level: int = live(default=1, ge=0, le=200)
    sleep: float = 0.0
    fixed: int = 5
    refuses: int = Field(default=201, description="the level that it takes for wrong")
    refused_by: str = ""  # a file: only the worker that makes it refuses
    unfit: int = Field(default=99, description="workers of this number and above cannot be set up")
    slow_setup: float = 0.0

    _told: int = 0

    def setup(self, spec: FrameSpec) -> None:
        time.sleep(self.slow_setup)
        self._told = self.level

    def changed(self, fields: frozenset[str]) -> None:
        if self.level == self.refuses and (not self.refused_by or self._first()):
            raise SetupError(f"{self.level} is a level that nobody likes")
        self._told = self.level

    def _first(self) -> bool:
        try:
            os.close(os.open(self.refused_by, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def process(self, frame: Frame) -> None:
        assert self._told == self.level
        time.sleep(self.sleep)
        frame.mask[:] = self.level


class Lingering(Dye):
    """Takes its time to end."""

    def close(self) -> None:
        time.sleep(3)


class Unfit(Dye):
    """Only the first worker of a run can be set up: the file is made by it."""

    def setup(self, spec: FrameSpec) -> None:
        if not self._first():
            raise SetupError("no room for one more")
        super().setup(spec)
