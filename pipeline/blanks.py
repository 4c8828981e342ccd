"""Blanks: what a sink lets out in the place of a frame that nobody vouches for. The one place where that is decided."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import numpy as np

from pipeline.frame import Frame, Image, read_only
from pipeline.stage import Sink

Blank = Literal["slate", "hold_last", "drop"]
Clock = Callable[[], float]

RESULT = "clean"
LONGEST_S = 3.0  # for which a live picture may stand still: it would be taken for the present


class Blanks:
    """Between a worker and its sink. What is held is a copy of the result in a frame that went out of this very sink;
    it dies with its worker, and where the source has lost its input it is held no longer."""

    def __init__(self, wish: Blank = "slate", *, live: bool = False, clock: Clock = time.monotonic) -> None:
        self._wish = wish
        self._live = live
        self._clock = clock
        self._held: Image | None = None
        self._life = 0
        self._since = 0.0

    def pass_on(self, sink: Sink, frame: Frame) -> None:
        """Have the sink take a frame, or what comes out in its place."""
        if not frame.blank:
            sink.write(frame)
            self._keep(frame)
        elif self._wish == "drop":
            sink.skip(frame)
        else:
            sink.write(self._in_place_of(frame))

    def _keep(self, frame: Frame) -> None:
        """It went out, and somebody vouched for it."""
        if self._wish != "hold_last" or RESULT not in frame.planes:
            return
        if self._held is None or self._held.shape != frame.clean.shape:
            self._held = np.empty_like(frame.clean)
        np.copyto(self._held, frame.clean)
        self._life, self._since = frame.life, self._clock()

    def _in_place_of(self, frame: Frame) -> Frame:
        """The blank with the picture that is held, where it may be shown; else as it is."""
        if self._held is None or frame.life != self._life or RESULT not in frame.planes:
            return frame
        if self._held.shape != frame.clean.shape or (self._live and self._clock() - self._since > LONGEST_S):
            return frame
        frame.planes = {**frame.planes, RESULT: read_only(self._held)}
        return frame
