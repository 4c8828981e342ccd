"""Given: masks that are known, in the place of the segmentation, for measures of the stage `codec` alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform


class Given(Transform):
    """Writes the masks of a file, forth and back."""

    writes: ClassVar[tuple[str, ...]] = ("mask",)

    file: str = Field(description="a .npy, uint8 [N, H, W]")
    _masks: Image = PrivateAttr()

    def setup(self, spec: FrameSpec) -> None:
        self._masks = np.load(self.file)

    def process(self, frame: Frame) -> None:
        np.copyto(frame.mask, self._masks[there_and_back(frame.index, len(self._masks))])


def there_and_back(index: int, count: int) -> int:
    """Which of `count` pictures is shown as number `index`, where a clip goes on without a cut: 0 1 2 1 0 1 ..."""
    turn = index % max(1, 2 * count - 2)
    return turn if turn < count else 2 * count - 2 - turn
