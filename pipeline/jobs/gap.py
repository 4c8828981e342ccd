"""Gap: what stands in the finished file where a segment could not be done: plain pictures, as long as it would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.frame import FrameSpec
from stages.output.file import File

GREY = 96


def fill_gap(sink: File, spec: FrameSpec, stamps: Sequence[int], path: Path, text: str) -> None:
    """A part with a picture at each of `stamps` that says what is missing. Raises CleanplateError."""
    import cv2

    part = sink.part_for(spec, str(path))
    shape = part.shape
    image = np.full(shape, GREY, np.uint8)
    scale = max(0.4, shape[1] / 960)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    place = (max(0, (shape[1] - width) // 2), (shape[0] + height) // 2)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2, cv2.LINE_AA)
    part.create()
    for number, pts in enumerate(stamps):
        behind = stamps[number + 1] if number + 1 < len(stamps) else pts + part.duration
        part.add(image, pts, behind - pts)
    part.close()
