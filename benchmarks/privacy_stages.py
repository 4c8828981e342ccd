"""Forgetful: detection that answers at times that nobody is there, to see what tracking makes of it."""

from __future__ import annotations

import random

import numpy as np
from pydantic import Field

from pipeline.frame import OBJECT, Frame
from stages.privacy import Detection


class Forgetful(Detection):
    """Finds what Detection finds, but in some frames nothing; the same ones in every run."""

    missing: float = Field(default=0.2, ge=0, le=1, description="the share of the frames in which it finds nothing")

    def process(self, frame: Frame) -> None:
        """Write `found` and `labels`."""
        if self.forgets(frame.index):
            frame.put_found(np.zeros(0, OBJECT))
            frame.labels[:] = 0
            return
        super().process(frame)

    def forgets(self, index: int) -> bool:
        """Whether it finds nothing in that frame."""
        return random.Random(index).random() < self.missing
