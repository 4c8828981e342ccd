"""Segment: a piece of a long video as a sink: nothing but the encoded frames, for `File.assemble` to join."""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field

from pipeline.errors import RunError
from pipeline.frame import Frame
from stages.media import reason, shown
from stages.output.file import BESIDE, File
from stages.output.publish import sync
from stages.output.target import check_target


class Segment(File):
    """Encodes as File would, but only `own` frames after the first `lead`; the file that it leaves is a whole Part."""

    lead: int = Field(default=0, ge=0, description="frames that come first and are not written: they only warm up")
    own: int = Field(default=1, ge=1, description="frames that are written; what comes after them is only looked at")

    def resume(self, frames: int) -> None:
        super().resume(min(max(0, frames - self.lead), self.own))

    def _check_target(self) -> None:
        check_target(self.output, "", BESIDE)

    def _is_own(self, frame: Frame) -> bool:
        return self.lead <= frame.index < self.lead + self.own

    def write(self, frame: Frame) -> None:
        if self._is_own(frame):
            super().write(frame)

    def skip(self, frame: Frame) -> None:
        if self._is_own(frame):
            super().skip(frame)

    def finish(self) -> dict[str, Any]:
        assert self._part is not None
        if not self._published and self._frames:
            self._part.close()
            try:
                sync(self._part.path)
                os.replace(self._part.path, self.output)
                sync(os.path.dirname(os.path.abspath(self.output)))
            except OSError as error:
                raise RunError(f"{shown(self.output)}: cannot be written ({reason(error)})") from error
            self._published = True
        facts = {"output": self.output, "frames": self._frames, "codec": self.codec}
        return {**facts, "last": self._part.last, "duration": self._part.duration}
