"""Classical: what the inpainters without a network have in common; knows none of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from models.base import Crop, Image

SAMPLE = (512, 512)  # height and width of the crop that is tried


class Classical(ABC):
    """One crop after the other, each at its own size. With `info` and `cost` it follows `models.base.Inpainter`."""

    @abstractmethod
    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of that size."""

    def window(self, height: int, width: int) -> tuple[int, int]:
        """No more than it was given: every pixel costs."""
        return height, width

    def inpaint_many(self, crops: Sequence[Crop]) -> Iterator[tuple[int, Image | None]]:
        """One after the other."""
        return ((at, self.inpaint(image, hole)) for at, (image, hole) in enumerate(crops))

    def warm_up(self, *, every: bool = True) -> float:
        """Run on a large hole, the costliest kind; return its seconds. All sizes are one to it."""
        image = np.random.default_rng(0).integers(0, 256, (*SAMPLE, 3), np.uint8)
        hole = np.zeros(SAMPLE, np.uint8)
        hole[64:448, 64:448] = 255
        started = time.perf_counter()
        self.inpaint(image, hole)
        return time.perf_counter() - started
