"""Replay: a live source that brings the frames of a clip from memory at a rate that is set while it runs.

The frames are decoded once into a file that every worker maps; they are played forth and back, so that there is no cut.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from pipeline.config import Plan
from pipeline.errors import RunError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Source

MOST_FRAMES = 100
MOST_BYTES = 256 << 20
NAP_S = 0.05  # at most between two looks at the rate
LATEST_S = 1.0  # what is later than this is never made good
END = -1.0
_RATE = struct.Struct("<d")
_KEPT = {"rate", "sample_aspect", "colorspace", "color_range", "color_primaries", "color_trc"}


class Pace:
    """The rate, in frames/s, that a source is to bring; 0: none yet. A small file: written here, read by the source."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "pace", os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def rate(self) -> float:
        return float(_RATE.unpack(os.pread(self._fd, _RATE.size, 0) or bytes(_RATE.size))[0])

    def set(self, rate: float) -> None:
        os.pwrite(self._fd, _RATE.pack(rate), 0)

    def close(self) -> None:
        os.close(self._fd)


def record(plan: Plan, folder: Path) -> None:
    """Decode the first frames of the plan's own input into the folder. Raises RunError, SetupError."""
    source = type(plan.stages[0].stage).model_validate(dict(plan.stages[0].options))
    assert isinstance(source, Source)
    spec = source.open()
    source._frame = Frame({"image": np.zeros((spec.height, spec.width, 3), np.uint8)})
    count = max(2, min(MOST_FRAMES, MOST_BYTES // source.frame.image.nbytes))
    frames = [source.frame.image.copy() for _ in itertools.islice(source.frames(), count)]
    source.close()
    if not frames:
        raise RunError(f"{spec.source or plan.stages[0].name}: brings no frame that could be played again")
    np.save(folder / "frames.npy", np.stack(frames))
    (folder / "spec.json").write_text(json.dumps(spec.model_dump(mode="json", include=_KEPT)))


class Replay(Source):
    """Plays what `record` has put into `folder`, at the pace that stands there."""

    live = True

    folder: str

    _frames: NDArray[np.uint8] = PrivateAttr()
    _pace: Pace = PrivateAttr()
    _next: int = PrivateAttr(default=0)

    def open(self) -> FrameSpec:
        folder = Path(self.folder)
        self._frames = np.load(folder / "frames.npy", mmap_mode="r")
        self._pace = Pace(folder)
        told: dict[str, Any] = json.loads((folder / "spec.json").read_text())
        _, height, width, _ = self._frames.shape
        tick = 1 / Fraction(told["rate"])
        return FrameSpec(width=width, height=height, live=True, time_base=tick, **told)

    def resume(self, frames: int, pts: int) -> None:
        self._next = frames

    def frames(self) -> Iterator[None]:
        turn = max(1, 2 * len(self._frames) - 2)  # forth and back
        due = 0.0
        for index in itertools.count(self._next):
            rate = self._await(due)
            if rate == END:
                return
            # One that comes late is brought at once, and those behind it too: as many come as were asked for.
            due = max(due, time.monotonic() - LATEST_S) + 1 / rate if due else time.monotonic() + 1 / rate
            at = index % turn
            np.copyto(self.frame.image, self._frames[min(at, turn - at)])
            self.frame.pts, self.frame.duration = index, 1
            yield

    def _await(self, due: float) -> float:
        """The rate that holds when the frame is due."""
        while True:
            rate = self._pace.rate
            left = NAP_S if rate == 0 else due - time.monotonic()
            if rate == END or (rate > 0 and left <= 0):
                return rate
            time.sleep(min(left, NAP_S))
            self.context.progress()

    def close(self) -> None:
        self._pace.close()
