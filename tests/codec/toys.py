"""A stage that says where the region is, for runs of the codec without a network."""

from __future__ import annotations

from typing import ClassVar

from pipeline.frame import Frame
from pipeline.stage import Transform


class Middle(Transform):
    """The region is a rectangle that moves to the right; `nobody` says in which frame it is empty."""

    writes: ClassVar[tuple[str, ...]] = ("mask",)

    nobody: int = -1

    def process(self, frame: Frame) -> None:
        height, width = frame.mask.shape
        frame.mask[:] = 0
        if frame.index != self.nobody:
            at = frame.index % (width // 2)
            frame.mask[height // 4 : 3 * height // 4, at : at + width // 3] = 255
