"""Pictures that carry a number as a row of black and white blocks, and a sink that writes down which ones came."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Sink

BITS = 24


def number_of(image: Image) -> int:
    """The number in the lower quarter of a picture, as rtsp_server.py writes it."""
    height, width, _ = image.shape
    step = width / BITS
    rows = image[height * 13 // 16 : height * 15 // 16]
    means = [rows[:, int(bit * step) + 3 : int((bit + 1) * step) - 3].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 128)


class Barcodes(Sink):
    """Appends `number pts seconds` to a file, the last being this machine's monotonic clock."""

    reads = ("image",)
    wants_news = True

    output: str

    def setup(self, spec: FrameSpec) -> None:
        Path(self.output).touch()

    def write(self, frame: Frame) -> None:
        with open(self.output, "a") as file:
            file.write(f"{number_of(frame.image)} {frame.pts} {time.monotonic():.3f}\n")


class Note:
    """One line of what the sink wrote."""

    def __init__(self, line: str) -> None:
        number, pts, seconds = line.split()
        self.number, self.pts, self.seconds = int(number), int(pts), float(seconds)


def notes(path: Path) -> list[Note]:
    """What a Barcodes sink has written so far, whole lines only."""
    return [Note(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
