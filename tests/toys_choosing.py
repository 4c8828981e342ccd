"""A camera before which people stand, and a shelf on which every frame is kept with all that was made of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source
from stages.ingest.pace import Pace

KEPT = ("image", "mask", "objects", "clean")


class Camera(Source):
    """Shows the pictures of a file of numpy's, uint8 [N, H, W, 3], again and again, for ever."""

    live: ClassVar[bool] = True

    input: str
    rate: int = 12

    def open(self) -> FrameSpec:
        height, width = np.load(self.input, mmap_mode="r").shape[1:3]
        return FrameSpec(width=width, height=height, rate=Fraction(self.rate), time_base=Fraction(1, 1000), live=True)

    def resume(self, frames: int, pts: int) -> None:
        """It goes on with what there is to be seen."""

    def frames(self) -> Iterator[None]:
        pictures, pace = np.load(self.input), Pace(time.sleep)
        for number in itertools.count():
            if self.context.asked_to_leave():
                return
            pace.wait(number / self.rate)
            self.frame.image[:] = pictures[number % len(pictures)]
            self.frame.pts = round(1000 * number / self.rate)
            yield


class Shelf(Sink):
    """Writes each frame into a file of its own, whole or not at all."""

    reads = KEPT

    output: str

    def setup(self, spec: FrameSpec) -> None:
        Path(self.output).mkdir(exist_ok=True)

    def resume(self, frames: int) -> None:
        """Nothing is to be cut off."""

    def write(self, frame: Frame) -> None:
        part = Path(self.output) / "part"
        with part.open("wb") as file:
            np.savez(file, blank=frame.blank, **{name: frame.planes[name] for name in KEPT})
        part.rename(Path(self.output) / f"{frame.index:06d}.npz")


class Kept:
    """A frame from the shelf."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as found:
            self.index, self.blank = int(path.stem), bool(found["blank"])
            self.image, self.mask, self.clean = (found[name] for name in ("image", "mask", "clean"))
            table = found["objects"][0]
            self.objects = table["rows"][: int(table["count"])]

    def at(self, x: int, y: int) -> np.void:
        """Whom a click there means: the smallest box around it."""
        boxes = self.objects["box"]
        inside = (boxes[:, :2] <= (x, y)).all(1) & (boxes[:, 2:] > (x, y)).all(1)
        areas = np.where(inside, (boxes[:, 2:] - boxes[:, :2]).prod(1), np.inf)
        assert inside.any(), f"nobody at {x}, {y}: {boxes}"
        return self.objects[int(areas.argmin())]  # type: ignore[no-any-return]


def shelf(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))
