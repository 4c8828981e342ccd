"""Looks: which frames a stage that does not look at each one looks at; knows no network."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.frame import Frame


@dataclass
class Looks:
    """The frame that was looked at last, of a stream that is `live` or a file."""

    live: bool = False
    last: int | None = None
    life: int = 0  # of the source's input, then

    def behind(self, frame: Frame, every: int) -> int:
        """How many frames ago the look was that does for this one; 0: it is to be looked at itself. Of a file the same
        frames in every run. Of a live stream this worker may never be given those; nor does a look do for what comes
        after a gap."""
        if not self.live:
            return frame.index % every
        if self.last is None or frame.life != self.life:
            return 0
        passed = frame.index - self.last
        return passed if 0 < passed < every else 0

    def done(self, frame: Frame) -> None:
        """This one was looked at."""
        self.last, self.life = frame.index, frame.life
