"""A toy stage that knows of objects, and fails over single frames in a way of one's choice."""

from __future__ import annotations

import os
from typing import ClassVar

import numpy as np

from pipeline.frame import EFFECT_SHIFT, HELD, KEPT, OBJECT, Frame
from pipeline.stage import Transform


class Marks(Transform):
    """clean = 255 - image; object 1 is in each frame, 2 is held and a sticker, 3 is kept from frame 10 on."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("clean", "objects")

    breaks_at: int = -1
    dies_at: int = -1
    says: str = ""

    def process(self, frame: Frame) -> None:
        if frame.index == self.breaks_at:
            raise ValueError(f"told to break {self.says}")
        if frame.index == self.dies_at:
            os._exit(9)
        np.subtract(255, frame.image, out=frame.clean)
        rows = np.zeros(3 if frame.index >= 10 else 2, OBJECT)
        rows["cls"], rows["track"] = 80, range(1, len(rows) + 1)
        rows["box"] = (frame.index, 2, 30.4, 40.6)
        rows["flags"][1] = HELD | 8 << EFFECT_SHIFT
        rows["flags"][2:] = KEPT
        frame.put_objects(rows)
