"""An inpainter that is a network: crops go through it at a few fixed sizes, those of one size together."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from models.base import Crop, Image, ModelInfo
from models.canvas import MANY, MAX_PIXELS, Fit, Sizes, fit_for, sample

WARM_S = 30.0  # after which no further size is made ready at the start


class Runner(Protocol):
    """Runs the network. `batches`: several pictures at once are no slower than one after the other."""

    name: str
    device: str
    precision: str
    note: str
    batches: bool

    def __call__(self, images: Image, holes: Image) -> list[Image | None]:
        """uint8 [B, H, W, 3] BGR and [B, H, W] (255: fill) to as many pictures, uint8 [H, W, 3] BGR; None where one is
        not finite. Raises MemoryError where several at once are too many."""
        ...


class NetworkInpainter:
    """Crops are worked on at fixed sizes (`models.canvas`), those of one size together. Follows
    `models.base.Inpainter`."""

    def __init__(self, runner: Runner, sizes: Sizes, info: ModelInfo, pixel_s: float) -> None:
        """`pixel_s`: seconds that a pixel takes, until it has been measured."""
        self._runner, self._sizes, self.info, self._pixel_s = runner, sizes, info, pixel_s
        self._on_gpu = runner.device.startswith("cuda")
        self._budget = MAX_PIXELS * (4 if self._on_gpu else 1)  # of one batch
        self._seconds: dict[tuple[int, int], float] = {}  # that a canvas of a size took

    def window(self, height: int, width: int) -> tuple[int, int]:
        """The fixed size that a crop is padded to anyway; that of the crop where it must be reduced."""
        fit = fit_for(height, width, self._sizes)
        return (height, width) if fit.scaled else fit.size

    def cost(self, height: int, width: int) -> float:
        """About how many seconds a crop of that size takes, as measured by `warm_up`: that of the fixed size that holds
        it, or in proportion to its pixels."""
        size = fit_for(height, width, self._sizes).size
        if size in self._seconds:
            return self._seconds[size]
        pixels = size[0] * size[1]
        known = min(self._seconds, key=lambda other: abs(math.log(other[0] * other[1] / pixels)), default=None)
        return pixels * (self._pixel_s if known is None else self._seconds[known] / (known[0] * known[1]))

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of exactly that size."""
        ((_, result),) = self.inpaint_many([(image, hole)])
        if result is None:
            raise FloatingPointError(f"{self.info.name}: the output is not finite")
        return result

    def inpaint_many(self, crops: Sequence[Crop]) -> Iterator[tuple[int, Image | None]]:
        """Every crop's index and picture, those of one fixed size batch by batch; None where it is not finite."""
        groups: dict[tuple[int, int], list[int]] = {}
        fits = [fit_for(*hole.shape, self._sizes) for _, hole in crops]
        for at, fit in enumerate(fits):
            groups.setdefault(fit.size, []).append(at)
        for size, group in groups.items():
            done = 0
            while done < len(group):
                batch = group[done : done + self._at_once(size, len(group) - done)]
                images, holes = zip(*(fits[at].lay(*crops[at]) for at in batch), strict=True)
                for at, answer in zip(batch, self._answers(np.stack(images), np.stack(holes)), strict=True):
                    yield at, _picture(answer, fits[at])
                done += len(batch)

    def warm_up(self, *, every: bool = True) -> float:
        """Run twice at `every` fixed size, the likeliest first, for at most half a minute, or at that one alone; a size
        that is left out is made ready when it is first needed. Return about the seconds of the slowest size.

        What comes out is not judged."""
        sizes = self._sizes if self._sizes != MANY else ((128, 128), (512, 512))
        started = time.perf_counter()
        for size in sizes if every else sizes[:1]:
            if self._seconds and time.perf_counter() - started > WARM_S:
                break
            for count in (1, 2, 4) if self._on_gpu and self._runner.batches else (1,):
                self._timed(size, count)
            self._seconds[size] = self._timed(size, 1)
        return max(self.cost(*size) for size in sizes)

    def _timed(self, size: tuple[int, int], count: int) -> float:
        images, holes = sample(count, *size)
        started = time.perf_counter()
        self._forward(images, holes)
        return time.perf_counter() - started

    def _at_once(self, size: tuple[int, int], left: int) -> int:
        """How many of that size make the next batch: a power of two, so that shapes repeat."""
        most = max(1, min(left, self._budget // (size[0] * size[1]))) if self._runner.batches else 1
        return 1 << (most.bit_length() - 1)

    def _answers(self, images: Image, holes: Image) -> list[Image | None]:
        """As `_forward`; where memory runs out, once more in two halves, and from then on in smaller batches."""
        try:
            return self._forward(images, holes)
        except MemoryError:
            self._budget = max(1, self._budget // 2)
        half = -(-len(images) // 2)
        parts = (slice(at, at + half) for at in range(0, len(images), half))
        return [answer for part in parts for answer in self._forward(images[part], holes[part])]

    def _forward(self, images: Image, holes: Image) -> list[Image | None]:
        return self._runner(images, holes)


def _picture(answer: Image | None, fit: Fit) -> Image | None:
    """Of the crop's own size."""
    return None if answer is None else fit.take(np.ascontiguousarray(answer[: fit.inner[0], : fit.inner[1]]))
