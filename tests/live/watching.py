"""Live sources in the test's own process: what they give, one picture after the other, for as long as is asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Context
from stages.ingest.live import Live
from tests.clips import lend


class Impatient(Context):
    """Asks a source to leave that has brought nothing until a certain moment."""

    until = float("inf")

    def asked_to_leave(self) -> bool:
        return self.leaving or time.monotonic() > self.until


class Watched:
    """An opened source and the frame that it fills."""

    def __init__(self, source: Live) -> None:
        self.source = source
        self.context = Impatient()
        source._context = self.context
        begun = time.monotonic()
        self.spec: FrameSpec = source.open()
        self.opened_in = time.monotonic() - begun
        self.frame: Frame = lend(source, self.spec)
        self._frames = source.frames()

    def next(self, timeout: float = 20.0) -> Frame:
        """The next frame, rejected or not. Fails where none comes in time."""
        self.frame.rejected = ""
        self.context.until = time.monotonic() + timeout
        assert next(self._frames, "over") is None, f"no picture within {timeout} s; {self.context.notes}"
        return self.frame

    def is_over(self, timeout: float = 20.0) -> bool:
        """Whether it comes to its end by itself before that time has passed; what it still brings is passed over."""
        self.context.until = time.monotonic() + timeout
        for _ in self._frames:
            self.frame.rejected = ""
        return time.monotonic() < self.context.until


@contextlib.contextmanager
def watching(source: Live) -> Iterator[Watched]:
    try:
        yield Watched(source)
    finally:
        source.close()
