"""A source for measuring how late frames are: a file whose frames come like a camera's."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pydantic import Field

from stages.ingest.file import File
from stages.ingest.pace import Pace


class Paced(File):
    """Gives each frame when it is due, and not before."""

    pace: float = Field(gt=0, description="frames/s")

    def frames(self) -> Iterator[None]:
        due = Pace(time.sleep)
        for number, _ in enumerate(super().frames()):
            due.wait(number / self.pace)
            yield
