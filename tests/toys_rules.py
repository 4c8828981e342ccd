"""A detector that sees one face in every frame, always in the same place."""

from __future__ import annotations

from typing import ClassVar

from models.classes import NAMES
from pipeline.frame import Frame
from pipeline.stage import Transform

FACE = 100, 40, 130, 80  # x0 y0 x1 y1


class OneFace(Transform):
    writes: ClassVar[tuple[str, ...]] = ("found", "labels")

    def process(self, frame: Frame) -> None:
        x0, y0, x1, y1 = FACE
        table = frame.planes["found"]
        row = table["rows"][0, :1].copy()
        row["track"], row["cls"], row["flags"], row["score"], row["box"] = -1, NAMES.index("face"), 0, 0.9, FACE
        row["landmarks"] = float("nan")
        frame.put_found(row)
        frame.labels[:] = 0
        frame.labels[y0:y1, x0:x1] = 1
