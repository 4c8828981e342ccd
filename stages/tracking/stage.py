"""Tracking: from what was found in each frame by itself to objects and a mask that go on in time."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from pipeline.frame import Frame
from pipeline.stage import Transform
from stages.segmentation.labels import LOW


class Tracking(Transform):
    """Gives every object a number and writes the union of their masks."""

    reads: ClassVar[tuple[str, ...]] = ("image", "found", "labels")
    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")
    stateful: ClassVar[bool] = True

    def process(self, frame: Frame) -> None:
        """Write `objects` and `mask`."""
        rows = frame.found.copy()
        sure = rows["flags"] & LOW == 0
        rows["track"] = np.arange(len(rows))
        table = np.zeros(256, np.uint8)
        table[1 : len(rows) + 1] = np.where(sure, 255, 0)[:255]
        cv2.LUT(frame.labels, table, dst=frame.mask)
        frame.put_objects(rows[sure])
