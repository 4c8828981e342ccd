"""A screen of its own for tests with windows: Xvfb, what stands on it, and keys that are pressed; and toy stages."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Source, Transform
from tests.waiting import wait_until

MISSING = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
needs_a_screen = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} missing: apt-get install xvfb xdotool")
WIDTH, HEIGHT = 1024, 640
PATIENCE_S = 60.0  # a busy machine may take long to start a run


@dataclass(frozen=True)
class Screen:
    """A running X server: `name` is what DISPLAY is set to."""

    name: str
    file: Path
    server: subprocess.Popen[bytes]

    def picture(self) -> np.ndarray:
        """What stands on it, uint8 [H, W, 3] BGR: its frame buffer, which it keeps as an XWD file."""
        data = self.file.read_bytes()
        head = struct.unpack(">25I", data[:100])
        size, width, height, line, colours = head[0], head[4], head[5], head[12], head[19]
        rows = np.frombuffer(data, np.uint8, height * line, size + 12 * colours).reshape(height, line // 4, 4)
        return rows[:, :width, :3].copy()

    def tool(self, *args: str) -> str:
        done = subprocess.run(
            ["xdotool", *args], env={**os.environ, "DISPLAY": self.name}, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def windows(self, title: str = "Cleanplate") -> list[str]:
        """Numbers of the windows with this in their title."""
        return self.tool("search", "--onlyvisible", "--name", title).split()

    def press(self, *keys: str) -> None:
        """As on a keyboard, one after the other, over the window. The pointer does not stay there: it would stand in
        the pictures of the screen."""
        for key in keys:
            self.tool("mousemove", "60", "60", "key", key, "mousemove", str(WIDTH - 1), str(HEIGHT - 1))

    def await_window(self, title: str = "Cleanplate") -> str:
        wait_until(lambda: bool(self.windows(title)), PATIENCE_S, every=0.1)
        return self.windows(title)[0]

    def await_picture(self, wanted: np.ndarray, *, tolerance: int = 0) -> None:
        """Until this stands in its left upper corner."""
        height, width = wanted.shape[:2]

        def there() -> bool:
            found = self.picture()[:height, :width].astype(int)
            return bool(np.abs(found - wanted).max() <= tolerance)

        wait_until(there, PATIENCE_S, every=0.05)


@contextmanager
def screen(folder: Path, *flags: str) -> Iterator[Screen]:
    """An X server without a monitor, for as long as this is entered. With -noreset it does not start anew whenever its
    last client leaves: xdotool would be refused meanwhile."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", *flags]
    server = subprocess.Popen(
        [*command, "-fbdir", str(folder)], pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield Screen(f":{number}", folder / "Xvfb_screen0", server)
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        server.wait()


def colours(index: int, width: int = 320, height: int = 180) -> np.ndarray:
    """Four fields of different colours, uint8 [H, W, 3]; the first one tells a frame's number modulo 8."""
    picture = np.zeros((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle] = (20, 20, 20 + 20 * (index % 8))
    picture[:half, middle:] = (200, 40, 10)
    picture[half:, :middle] = (30, 180, 60)
    picture[half:, middle:] = (90, 60, 220)
    return picture


class Scenes(Source):
    """Live pictures of `colours`, 50 a second; while there is a file called `lost` it is away, and says so; those after
    that are of number 2."""

    live = True

    input: str = ""
    lost: str = ""
    width: int = 320
    height: int = 180

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height, source=self.input, live=True)

    def resume(self, frames: int, pts: int) -> None:
        """Nothing to go on with."""

    def frames(self) -> Iterator[None]:
        count, number = 0, 1
        while not self.context.asked_to_leave():
            time.sleep(0.02)
            if self.lost and Path(self.lost).exists():
                self.context.says("reconnecting")
                number = 2
                continue
            self.context.says("")
            self.frame.image[:] = colours(number, self.width, self.height)
            self.frame.pts, self.frame.duration = count, 1
            count += 1
            yield


class Cut(Transform):
    """clean = 255 - image; the mask is the right half."""

    writes = ("mask", "clean")

    def process(self, frame: Frame) -> None:
        np.subtract(255, frame.image, out=frame.clean)
        frame.mask[:] = 0
        frame.mask[:, frame.mask.shape[1] // 2 :] = 255


def scenes(folder: Path, source: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Scenes -> Cut -> a window, as a configuration."""
    return {
        "name": "scenes",
        "stages": [
            {"name": "ingest", "uses": "tests.screens:Scenes", "with": {"input": "scenes", **(source or {})}},
            {"name": "cut", "uses": "tests.screens:Cut"},
            {
                "name": "output",
                "uses": "stages.output:Auto",
                "with": {"output": "window:", "snapshots": str(folder), **options},
            },
        ],
    }
