"""Capped: a live source that lets in no more pictures a second than are wanted, as evenly as they come."""

from __future__ import annotations

import math
from fractions import Fraction

from pydantic import Field, PrivateAttr

from pipeline.frame import FrameSpec
from stages.ingest.live import Live

EARLY = 0.25  # of the time from picture to picture: who comes so much too early is not left out


class Capped(Live):
    """What is left out is no drop: it costs nothing further on, and nothing is said of it."""

    fps: float | None = Field(
        default=None, gt=0, le=1000, description="pictures a second at most; what comes sooner is left out; none: all"
    )

    _due: float = PrivateAttr(default=-math.inf)

    def live_spec(self, spec: FrameSpec) -> FrameSpec:
        spec = super().live_spec(spec)
        if self.fps is None or self.fps >= spec.rate:
            return spec
        return spec.model_copy(update={"rate": Fraction(self.fps).limit_denominator(1001)})

    def is_due(self, at: float) -> bool:
        """Whether a picture is taken that comes `at`: seconds of this machine's clock, that only grow."""
        if self.fps is None:
            return True
        period = 1 / self.fps
        if at < self._due - EARLY * period:
            return False
        self._due = max(self._due, at - period) + period
        return True
