"""Coded streams for tests: a coder of our own whose bytes are easily made, and the codec's stage without processes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec, Image
from pipeline.stage import Source, Stage
from stages.codec import Codec, Export
from stages.codec.packet import Packet
from tests.codec.clips import middle, textured

WIDTH, HEIGHT = 192, 128
SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=Fraction(25), time_base=Fraction(1, 25))


MADE: list[Stage] = []
"""What `conftest` closes after each test: who dies here leaves files open."""


def busy(number: int) -> Image:
    """A picture that moves, with noise of its own: no coder gets it for nothing."""
    noise = np.random.default_rng(number).normal(0, 8, (HEIGHT, WIDTH, 1))
    return (textured(number) + noise).clip(0, 255).astype(np.uint8)


class Stand:
    """One codec stage and its memory: pictures in, frames out; it can die and come back."""

    def __init__(self, *, spec: FrameSpec = SPEC, **fields: Any) -> None:
        self.spec, self.fields = spec, {"log": None, **fields}
        stage = Codec(**self.fields)
        layouts = stage.memory(spec), stage.pool(spec)
        self.halves = [{name: np.zeros(*one) for name, one in layouts[0].items()} for _ in (0, 1)]
        self.pool = {name: np.zeros(*one) for name, one in layouts[1].items()}
        self.index = 0
        self.stage = self.begin()

    def begin(self) -> Codec:
        """A new incarnation: it knows nothing but what lies in memory."""
        self.stage = Codec(**self.fields)
        MADE.append(self.stage)
        self.stage.setup(self.spec)
        return self.stage

    def planes(self) -> dict[str, NDArray[Any]]:
        wanted = {name: STANDARD_PLANES[name] for name in ("image", "mask", "clean")} | dict(self.stage.planes)
        return {name: np.zeros(plane.shape(self.spec), plane.dtype) for name, plane in wanted.items()}

    def frame(self, image: Image, mask: Image | None = None, *, life: int = 0) -> Frame:
        planes = self.planes()
        planes["image"][:] = image
        planes["mask"][:] = middle(self.spec.width, self.spec.height) if mask is None else mask
        before, after = self.halves
        return Frame(planes, self.index, self.index, 1, life, before=before, after=after, pool=self.pool)

    def code(self, image: Image, mask: Image | None = None, *, life: int = 0, commit: bool = True) -> Frame:
        """One picture through it; without `commit` it has died before it was known that it was done."""
        frame = self.frame(image, mask, life=life)
        self.stage.process(frame)
        if commit:
            self.halves.reverse()
            self.index += 1
        return frame

    def several(self, number: int) -> list[Frame]:
        return [self.code(busy(self.index)) for _ in range(number)]


def coded(number: int = 12, **fields: Any) -> list[Packet]:
    """The packets of so many pictures."""
    stand = Stand(**{"key_every": 0.2, "quantiser": 30, **fields})
    found = [Packet.of(frame.planes["coded"]) for frame in stand.several(number)]
    stand.stage.close()
    assert all(packet is not None for packet in found)
    return [packet for packet in found if packet is not None]


def export(output: Path | str, *, resume: int | None = None, spec: FrameSpec = SPEC) -> Export:
    sink = Export(output=str(output))
    MADE.append(sink)
    if resume is not None:
        sink.resume(resume)
    sink.setup(spec)
    return sink


def give(sink: Export, at: int, packet: Packet | None, *, blank: bool = False) -> Frame:
    """One frame to an export, at 2 ticks of each picture; None: nothing was coded."""
    planes = {
        "coded": np.zeros(1 << 17, np.uint8),
        "delivered": np.zeros(32, np.float32),
    }
    if packet is not None:
        packet.put(planes["coded"])
    frame = Frame(planes, at, at, 1, blank=blank)
    sink.write(frame)
    return frame


def frames_of(source: Source) -> Iterator[Frame]:
    """What an opened source of that size fills, a frame at a time."""
    frames = source.frames()
    while True:
        source._frame = Frame({"image": np.zeros((HEIGHT, WIDTH, 3), np.uint8)})
        try:
            next(frames)
        except StopIteration:
            return
        yield source.frame
