"""A camera that films a clock: each picture says, in black and white blocks, at which millisecond it was taken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Source, Transform

BITS = 24  # of milliseconds: 4.6 hours
TIME_BASE = Fraction(1, 90_000)
MOVE = 4  # pixels of each frame: an encoder has something to do


def draw(image: Image, value: int) -> None:
    """BITS blocks across the lowest eighth of a picture, the highest bit first; below them, of half that height, the
    same inverted: what an encoder has blurred between two pictures is told by that."""
    height, width, _ = image.shape
    rows = height // 8
    edges = np.linspace(0, width, BITS + 1).astype(int)
    for bit in range(BITS):
        white = 255 * (value >> (BITS - 1 - bit) & 1)
        block = image[height - rows :, edges[bit] : edges[bit + 1]]
        block[: rows // 2] = white
        block[rows // 2 :] = 255 - white


def read(image: Image) -> int | None:
    """What `draw` has drawn, None where it cannot be told. The page does the same, in JavaScript."""
    height, width, _ = image.shape
    rows = height // 8
    edges = np.linspace(0, width, BITS + 1)
    value = 0
    for bit in range(BITS):
        middle = int((edges[bit] + edges[bit + 1]) / 2)
        upper, lower = (
            float(image[at - rows // 8 : at + rows // 8 + 1, middle - 2 : middle + 3].mean())
            for at in (height - rows * 3 // 4, height - rows // 4)
        )
        if abs(upper - lower) < 96:
            return None
        value = value << 1 | (upper > lower)
    return value


def scenery(height: int, width: int, seed: int = 0) -> Image:
    """A picture as detailed as a street: soft shapes with some grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.full((height, width, 3), 110, np.float32)
    for _ in range(15):
        fy, fx, phase = random.uniform(0.005, 0.12), random.uniform(0.005, 0.12), random.uniform(0, 6.3)
        picture += np.sin(y * fy + x * fx + phase)[..., None] * random.uniform(-20, 20, 3)
    picture += random.normal(0, 6, (height, width, 1))
    return picture.clip(0, 255).astype(np.uint8)


class Clock(Source):
    """`rate` pictures a second of a scene that moves, stamped with this machine's clock as they are taken."""

    live: ClassVar[bool] = True

    input: str = Field(default="", description="not looked at: a session gives each source an address")
    width: int = 640
    height: int = 360
    rate: int = 30

    _frames: int = PrivateAttr(default=0)

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height, rate=Fraction(self.rate), time_base=TIME_BASE, live=True)

    def resume(self, frames: int, pts: int) -> None:
        self._frames = frames

    def frames(self) -> Iterator[None]:
        scene = scenery(self.height, self.width + 256)
        due = time.monotonic()
        while not self.context.asked_to_leave():
            time.sleep(max(0.0, due - time.monotonic()))
            shift = self._frames * MOVE % 256
            self.frame.image[:] = scene[:, shift : shift + self.width]
            draw(self.frame.image, time.time_ns() // 1_000_000 % (1 << BITS))
            self.frame.pts = self._frames * 90_000 // self.rate
            self._frames += 1
            yield
            due = max(due + 1 / self.rate, time.monotonic() - 1 / self.rate)


class Nothing(Transform):
    """Hands the picture on as it is: what there is of lateness then is not the stages'."""

    writes = ("clean",)

    def process(self, frame: Frame) -> None:
        np.copyto(frame.clean, frame.image)
