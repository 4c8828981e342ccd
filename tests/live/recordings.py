"""Recordings for tests: a sink in the test's own process, and whole runs of numbered pictures into a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.frame import Frame, Image
from stages.output.recording import Recording
from stages.output.recording_index import MADE
from tests.clips import number_of
from tests.sinks import SPEC, STEP, frame_of
from tests.toys import picture
from tests.waiting import wait_until

PERIOD = 251  # of the numbered pictures


def opened(folder: Path, resume: int | None = None, **options: Any) -> Recording:
    """A recording of a few frames to a file, of nearly exact pictures."""
    sink = Recording(output=f"recording:{folder}", **{"length": 0.4, "keep_free_gb": 0, **options})
    if resume is not None:
        sink.resume(resume)
    sink.setup(SPEC)
    return sink


def record(sink: Recording, numbers: range) -> None:
    for number in numbers:
        sink.write(frame_of(number))


def settled(sink: Recording) -> Recording:
    """When all that is over is complete."""
    wait_until(lambda: not sink._publisher.backlog)
    sink.idle()
    return sink


def segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if MADE.fullmatch(path.name))


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.part"))


def pictures(path: Path) -> list[Image]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]


def numbers(folder: Path) -> list[list[int]]:
    return [[number_of(image) for image in pictures(path)] for path in segments(folder)]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as box:
        return [float(frame.pts * frame.time_base) for frame in box.decode(video=0)]


def config(folder: Path, count: int, *, sleep: float = 0.0, **output: Any) -> dict[str, Any]:
    """Numbers -> Invert -> a recording without loss, 15 frames to a file."""
    output = {"codec": "ffv1", "container": "mkv", "length": 0.5, "keep_free_gb": 0, **output}
    return {
        "name": "watch",
        "stages": [
            {"name": "ingest", "uses": "tests.toys:Numbers", "with": {"count": count}},
            {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": sleep}},
            {"name": "output", "uses": "stages.output:Auto", "with": {"output": f"recording:{folder}", **output}},
        ],
    }


def recorded(paths: list[Path]) -> list[int]:
    """The numbers of the pictures in these files, each exactly as it was made; they begin again after PERIOD."""
    found = []
    known = {(255 - picture(index, 48, 64)).tobytes(): index for index in range(PERIOD)}
    for path in paths:
        found += [known[np.ascontiguousarray(image).tobytes()] for image in pictures(path)]
    return found


def facts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "recording.index").read_text().splitlines()]


def at(number: int, seconds: float) -> Frame:
    """Picture `number` at this time of the stream."""
    frame = frame_of(number)
    frame.pts = round(seconds / float(SPEC.time_base))
    frame.duration = STEP
    return frame
