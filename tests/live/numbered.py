"""Numbered: a sink that notes which numbered pictures came, and when they were stamped."""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field, PrivateAttr

from pipeline.frame import Frame
from pipeline.stage import Sink
from tests.clips import number_of


class Numbered(Sink):
    """Appends the number of each picture to a file, one a line."""

    reads = ("image",)

    output: str = Field(default="")

    _stamps: list[int] = PrivateAttr(default_factory=list)

    def write(self, frame: Frame) -> None:
        self._stamps.append(frame.pts)
        with open(self.output, "a") as file:
            file.write(f"{number_of(frame.image)}\n")
            os.fsync(file.fileno())

    def finish(self) -> dict[str, Any]:
        return {"stamps": self._stamps}
