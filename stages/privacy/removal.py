"""Removal: fills the holes as Inpainting does, into a plane of its own, of which Cover takes what it may show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pipeline.frame import Frame, Plane
from stages.inpainting.fill import Inpainting
from stages.inpainting.plate import Plate

PLANE = "removed"


class Removal(Inpainting):
    """Writes `removed`: the picture without what is in the mask; and `level`. What is shown of it, Cover decides."""

    writes: ClassVar[tuple[str, ...]] = (PLANE, "level")
    planes: ClassVar[Mapping[str, Plane]] = {PLANE: Plane(PLANE, "color")}

    def process(self, frame: Frame) -> None:
        super().process(renamed(frame))


class Backdrop(Plate):
    """The plate of a pipeline that covers: it learns what Removal has invented, and no cover: that would be taken for
    background and shown in the place of somebody else."""

    recalls: ClassVar[tuple[str, ...]] = (PLANE, "level")

    def process(self, frame: Frame) -> None:
        finished = frame.finished
        super().process(frame if finished is None else replace(frame, finished=renamed(finished)))


def renamed(frame: Frame) -> Frame:
    """The same frame, in which the plane `removed` stands for the result."""
    planes = {name: plane for name, plane in frame.planes.items() if name != PLANE}
    return replace(frame, planes=planes | {"clean": frame.planes[PLANE]})
