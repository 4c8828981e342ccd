"""The sizes at which crops are worked on, and how a crop is laid onto one and taken off again; knows no network.

They are few, and made ready at the start: a network that meets a new size spends 10 to 100 times the run on getting
ready on a GPU, 2 to 10 times where it is compiled for the processor, and 200 MB there. Where nothing is compiled there
are many: the time of a run goes by its pixels, and a needless one takes as long as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from models.base import Crop, Image

MAX_PIXELS = 512 * 512
Sizes = tuple[tuple[int, int], ...]


def _sizes(sides: Sequence[int]) -> Sizes:
    return tuple((tall, wide) for tall in sides for wide in sides if tall * wide <= MAX_PIXELS)


# Squares, what a standing person takes and what several do; the likeliest first.
FIXED: Sizes = ((256, 256), (512, 256), (384, 384), (128, 128), (256, 512), (512, 512), (640, 384), (384, 640))
MANY = _sizes(range(64, 1025, 32))


@dataclass(frozen=True, slots=True)
class Fit:
    """A crop of `outer` (height, width) lies in the left upper corner of a canvas of `size`, there `inner` large."""

    outer: tuple[int, int]
    inner: tuple[int, int]
    size: tuple[int, int]

    @property
    def scaled(self) -> bool:
        return self.inner != self.outer

    def lay(self, image: Image, hole: Image) -> Crop:
        """The crop on its canvas, its right and bottom edges mirrored as often as it takes."""
        if self.scaled:
            small = self.inner[::-1]
            image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
            # A reduced pixel that holds any of the hole is hole: nothing of what is to go may bleed out of it.
            hole = cv2.compare(cv2.resize(hole, small, interpolation=cv2.INTER_AREA), 0, cv2.CMP_GT)
        if self.inner == self.size:
            return image, hole
        beyond = [(0, self.size[0] - self.inner[0]), (0, self.size[1] - self.inner[1])]
        return np.pad(image, [*beyond, (0, 0)], mode="symmetric"), np.pad(hole, beyond, mode="symmetric")

    def take(self, inner: Image) -> Image:
        """From a picture of the inner size to one of the crop's own."""
        if not self.scaled:
            return inner
        return cv2.resize(inner, self.outer[::-1], interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def fit_for(height: int, width: int, sizes: Sizes = FIXED) -> Fit:
    """The smallest canvas that holds such a crop; where none does, the one on which it is reduced the least."""

    def worth(size: tuple[int, int]) -> tuple[float, int]:
        return -_ratio(size, height, width), size[0] * size[1]

    size = min(sizes, key=worth)
    ratio = _ratio(size, height, width)
    inner = (height, width) if ratio == 1 else (max(1, int(height * ratio)), max(1, int(width * ratio)))
    return Fit((height, width), inner, size)


def scaled(height: int, width: int, scale: float) -> Fit:
    """A canvas that a crop fills, reduced to `scale` of its size."""
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    return Fit((height, width), inner, inner)


def sample(count: int, height: int, width: int) -> Crop:
    """Pictures of noise, each darker than the one before: told apart by their means as by their pixels."""
    images = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
    images >>= np.arange(count, dtype=np.uint8)[:, None, None, None]
    holes = np.zeros((count, height, width), np.uint8)
    holes[:, height // 4 : height // 2, width // 4 : width // 2] = 255
    return images, holes


def canvases_of(images: Image, holes: Image) -> Image:
    """uint8 [B, H, W, 4] of B, G, R and hole (0 or 255), from [B, H, W, 3] and [B, H, W]."""
    return np.concatenate([images, np.where(holes[..., None] > 0, np.uint8(255), np.uint8(0))], 3)


def _ratio(size: tuple[int, int], height: int, width: int) -> float:
    return min(1.0, size[0] / height, size[1] / width)
