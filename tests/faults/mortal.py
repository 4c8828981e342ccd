"""Stages that die, freeze or hang at a named point of their own code, and know a picture by its time stamp."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Source, Stage, Transform
from tests.toys import picture

PICTURES = 1000  # different ones


def shown(pts: int, height: int, width: int) -> np.ndarray:
    """The picture of this time stamp, however large that is."""
    return picture(pts % PICTURES, height, width)


class Mortal(Stage):
    """Meets its end at the points in `dies` (name of the point: time stamp of the frame, or -1), once each.

    `once` is the folder in which it is remembered what was done; without it, it is done each time."""

    deadline: ClassVar[float] = 1.0
    setup_deadline: ClassVar[float] = 2.5

    dies: dict[str, int] = {}
    deed: str = "kill"
    once: str = ""
    sleep: float = 0.0  # seconds of work on each frame

    def meet(self, point: str, pts: int = -1) -> None:
        """Be killed, frozen or held up here, if this is the point."""
        if self.dies.get(point) != pts:
            return
        if self.once:
            try:
                os.close(os.open(Path(self.once) / f"{type(self).__name__}-{point}", os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                return
        self._do()

    def _do(self) -> None:
        match self.deed:
            case "kill":
                signal.raise_signal(signal.SIGKILL)
            case "stop":
                signal.raise_signal(signal.SIGSTOP)
            case "regex":  # holds the interpreter's lock, for longer than the universe is old
                while True:
                    re.match(r"(a+)+$", "a" * 40 + "b")
            case "sleep in C":  # every other thread of the process goes on
                ctypes.CDLL(None).sleep(600)
            case "child":
                subprocess.run(["sleep", "600"], check=False)
            case "raise":
                raise RuntimeError("told to break")
            case "hog":
                kept = [bytearray(os.urandom(1 << 20)) for _ in range(4096)]
                raise AssertionError(f"{len(kept)} MB, and nobody minds")


class Counting(Mortal, Source):
    """Brings `count` pictures, the first one with the time stamp `first`, one every `sleep` seconds."""

    count: int = 60
    first: int = 0
    long: int = 1
    width: int = 64
    height: int = 48

    _next: int = 0

    def open(self) -> FrameSpec:
        self.meet("load")
        return FrameSpec(width=self.width, height=self.height)

    def resume(self, frames: int, pts: int) -> None:
        assert frames == 0 or pts == self.first + frames - 1
        self._next = frames

    def frames(self) -> Iterator[None]:
        for pts in range(self.first + self._next, self.first + self.count):
            time.sleep(self.sleep)
            whole = shown(pts, self.height, self.width)
            self.frame.image[: self.height // 2] = whole[: self.height // 2]
            self.meet("mid_write", pts)
            self.frame.image[self.height // 2 :] = whole[self.height // 2 :]
            self.frame.pts, self.frame.duration = pts, self.long
            self.meet("written", pts)
            yield
        self.meet("shutdown")

    def close(self) -> None:
        self.meet("close")


class Negative(Mortal, Transform):
    """clean = 255 - image, half of it at a time."""

    writes = ("clean",)

    def setup(self, spec: FrameSpec) -> None:
        self.meet("load")

    def process(self, frame: Frame) -> None:
        half = len(frame.image) // 2
        self.meet("granted", frame.pts)
        time.sleep(self.sleep)
        assert (frame.image == shown(frame.pts, *frame.image.shape[:2])).all(), f"torn: {frame.pts = }"
        np.subtract(255, frame.image[:half], out=frame.clean[:half])
        self.meet("mid_write", frame.pts)
        np.subtract(255, frame.image[half:], out=frame.clean[half:])
        self.meet("written", frame.pts)

    def close(self) -> None:
        self.meet("shutdown")


class Patient(Negative):
    """Is not taken for hung where the kernel looks for memory for a long time before it kills."""

    deadline: ClassVar[float] = 30.0


class Memory(Mortal, Transform):
    """Keeps the sum of all time stamps in its lasting memory and writes it into the mask."""

    writes = ("mask",)
    stateful = True

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"sum": ((1,), "<i8")}

    def setup(self, spec: FrameSpec) -> None:
        self.meet("load")

    def process(self, frame: Frame) -> None:
        self.meet("granted", frame.pts)
        time.sleep(self.sleep)
        frame.after["sum"][:] = -1
        frame.mask[: len(frame.mask) // 2] = 255
        self.meet("mid_write", frame.pts)
        frame.after["sum"][:] = (frame.before["sum"] + frame.pts % 251) % 251
        frame.mask[:] = int(frame.after["sum"][0])
        self.meet("written", frame.pts)

    def close(self) -> None:
        self.meet("shutdown")


class Lines(Mortal, Sink):
    """Appends `index pts blank whole mask` to a file, half a line at a time; a new one cuts what is not whole."""

    reads = ("clean", "mask")

    output: str

    _keep: int | None = None

    def resume(self, frames: int) -> None:
        self._keep = frames

    def setup(self, spec: FrameSpec) -> None:
        self.meet("load")
        path = Path(self.output)
        path.write_text("".join(path.read_text().splitlines(keepends=True)[: self._keep]) if self._keep else "")

    def write(self, frame: Frame) -> None:
        self.meet("granted", frame.pts)
        time.sleep(self.sleep)
        whole = frame.blank or bool((255 - frame.clean == shown(frame.pts, *frame.clean.shape[:2])).all())
        line = f"{frame.index} {frame.pts} {int(frame.blank)} {int(whole)} {int(frame.mask[0, 0])}\n"
        with open(self.output, "a") as file:
            file.write(line[:3])
            file.flush()
            self.meet("mid_write", frame.pts)
            file.write(line[3:])
        self.meet("written", frame.pts)

    def finish(self) -> dict[str, Any]:
        self.meet("shutdown")
        return {"lines": len(Path(self.output).read_text().splitlines())}

    def close(self) -> None:
        self.meet("close")


STAGES = {"ingest": "Counting", "memory": "Memory", "negative": "Negative", "output": "Lines"}


def mortal(folder: Path, **options: dict[str, Any]) -> dict[str, Any]:
    """Counting -> Memory -> two Negatives -> Lines; `options` are fields of each stage, by its name."""
    (folder / "once").mkdir(exist_ok=True)
    shared = {"once": str(folder / "once")}
    stages = [
        {"name": name, "uses": f"tests.faults.mortal:{kind}", "with": {**shared, **options.get(name, {})}}
        for name, kind in STAGES.items()
    ]
    stages[2]["workers"] = 2
    stages[-1]["with"]["output"] = str(folder / "out.txt")
    return {"name": "mortal", "stages": stages}


def expected(count: int, first: int = 0) -> list[list[int]]:
    """What Lines writes in a run that nothing has disturbed."""
    sums = np.cumsum([pts % 251 for pts in range(first, first + count)]) % 251
    return [[at, first + at, 0, 1, int(sums[at])] for at in range(count)]
