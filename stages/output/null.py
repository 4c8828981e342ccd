"""Null: a sink that throws frames away, to measure everything before it."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import PrivateAttr

from pipeline.frame import Frame
from stages.output.views import Viewing


class Null(Viewing):
    """Counts what it is given."""

    holds_alpha: ClassVar[bool] = True

    _frames: int = PrivateAttr(default=0)

    def resume(self, frames: int) -> None:
        self._frames = frames

    def write(self, frame: Frame) -> None:
        self._frames += 1

    def finish(self) -> dict[str, Any]:
        return {"output": "", "frames": self._frames}
