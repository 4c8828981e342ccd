"""Small stages of known behaviour: pictures that carry their own number, so that any mix-up shows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source, Transform


def picture(index: int, height: int, width: int) -> np.ndarray:
    """The picture number `index`: every byte depends on it."""
    rows = np.arange(height * width * 3, dtype=np.uint32) * 7 + index * 13
    return (rows % 251).astype(np.uint8).reshape(height, width, 3)


class Numbers(Source):
    """Brings `count` numbered pictures."""

    count: int = 100
    width: int = 64
    height: int = 48
    rejects: list[int] = []

    _next: int = 0

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height)

    def resume(self, frames: int, pts: int) -> None:
        assert frames == 0 or pts == frames - 1
        self._next = frames

    def frames(self) -> Iterator[None]:
        for index in range(self._next, self.count):
            if index in self.rejects:
                self.frame.rejected = "told to"
            self.frame.image[:] = picture(index, self.height, self.width)
            self.frame.pts = index
            yield


class LiveNumbers(Numbers):
    """The same, as a live source: it never waits."""

    live = True


class Invert(Transform):
    """clean = 255 - image, after `sleep` seconds."""

    writes = ("clean",)

    sleep: float = 0.0
    poison: int = -1
    words: int = 0  # length of what it says when it breaks
    broken: bool = False
    broken_close: bool = False
    unset: bool = False

    def setup(self, spec: FrameSpec) -> None:
        if self.unset:
            raise SetupError("told not to set up")

    def process(self, frame: Frame) -> None:
        if self.broken or frame.index == self.poison:
            raise ValueError("told to break" + "\x00漢\udcff" * (self.words // 3))
        assert (frame.image == picture(frame.index, *frame.image.shape[:2])).all()
        time.sleep(self.sleep)
        np.subtract(255, frame.image, out=frame.clean)

    def close(self) -> None:
        if self.broken_close:
            raise ValueError("told to break at the end")


class Sum(Transform):
    """Stateful: keeps the sum of all frame numbers in its lasting memory and writes it into the mask."""

    reads = ("image",)
    writes = ("mask",)
    stateful = True

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"sum": ((1,), "<i8")}

    def process(self, frame: Frame) -> None:
        frame.after["sum"][:] = frame.before["sum"] + frame.index
        frame.mask[:] = int(frame.after["sum"][0]) % 251


class Collect(Sink):
    """Appends `index pts blank checksum [mask]` to a file: one line a frame, whole or not at all."""

    output: str
    sleep: float = 0.0
    full_at: int = -1
    slow_finish: float = 0.0

    _keep: int | None = None

    def resume(self, frames: int) -> None:
        self._keep = frames

    def setup(self, spec: FrameSpec) -> None:
        path = Path(self.output)
        kept = path.read_bytes().splitlines(keepends=True)[: self._keep] if self._keep else []
        path.touch()
        os.truncate(path, sum(map(len, kept)))  # in place: whoever is killed while writing it anew has lost it

    def write(self, frame: Frame) -> None:
        if frame.index == self.full_at:
            raise OSError(28, "No space left on device")
        time.sleep(self.sleep)
        whole = frame.blank or bool((255 - frame.clean == picture(frame.index, *frame.clean.shape[:2])).all())
        extra = f" {int(frame.mask[0, 0])}" if "mask" in frame.planes else ""
        with open(self.output, "a") as file:
            file.write(f"{frame.index} {frame.pts} {int(frame.blank)} {int(whole)}{extra}\n")

    def finish(self) -> dict[str, Any]:
        time.sleep(self.slow_finish)
        return {"lines": len(Path(self.output).read_text().splitlines())}


class Forgetful(Collect):
    """Cannot go on where another incarnation was killed."""

    def setup(self, spec: FrameSpec) -> None:
        if self._keep:
            raise SetupError(f"{self.output}: is gone")
        super().setup(spec)


class CollectWithMask(Collect):
    reads = ("clean", "mask")


class Chatty(Invert):
    """Writes to stderr as a native library does, past Python; so often, and once more without an end of line."""

    says: str = "hello"
    times: int = 1

    def process(self, frame: Frame) -> None:
        super().process(frame)
        if frame.index == 0:
            for _ in range(self.times):
                os.write(2, f"{self.says}\n".encode())
            os.write(2, b"no end of line")


class Noted(Chatty):
    """The same, with an address among its options."""

    note: str = ""


class MaskOnly(Sink):
    """Reads the mask, and keeps nothing."""

    reads = ("mask",)

    def write(self, frame: Frame) -> None:
        assert frame.mask.any() or frame.index == 0
