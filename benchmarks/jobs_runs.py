"""Jobs and plain runs of one video through the command line, timed, for a measurement."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.removal_runs import COMMAND
from pipeline.errors import RunError
from pipeline.frame import Image
from pipeline.jobs.manifest import Manifest, load
from pipeline.jobs.opening import folder_of

LIMIT_S = 3600.0


@dataclass(frozen=True)
class Task:
    """A video and what is to be done with it; `sets` as for --set."""

    video: Path
    config: str = "remove-people"
    sets: tuple[str, ...] = ()


def run_whole(task: Task, output: Path, *, frames: int = 0) -> float:
    """Seconds of one run of the whole video, or of its first `frames`, from the command to its end. Raises RunError."""
    limit = ["--frames", str(frames)] if frames else []
    return _timed(["run", task.config, "-i", task.video, "-o", output, *limit], task.sets)


def run_job(
    task: Task,
    output: Path,
    *,
    segment: str,
    preroll: float | None = None,
    workers: int | None = None,
    more: Sequence[str] = (),
) -> tuple[float, Manifest]:
    """Seconds of a job, from the command to its end, and what it left; None: as it decides by itself; `more`: further
    options. Raises RunError."""
    more = [*more] if preroll is None else [*more, "--preroll", f"{preroll:g}s"]
    more += [] if workers is None else ["--workers", str(workers)]
    arguments = ["job", "run", task.video, "--config", task.config, "-o", output, "--segment", segment, *more]
    seconds = _timed(arguments, task.sets)
    manifest = load(folder_of(str(output)))
    if manifest is None:
        raise RunError(f"{output}: the job left no manifest")
    return seconds, manifest


def _timed(arguments: Sequence[Any], sets: Sequence[str]) -> float:
    chosen = [part for one in sets for part in ("--set", one)]
    begun = time.monotonic()
    done = subprocess.run(
        [COMMAND, *arguments, "--quiet", *chosen], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(f"{' '.join(map(str, arguments[:3]))} ended with {done.returncode}: {last}")
    return time.monotonic() - begun


def shown(path: Path) -> Iterator[tuple[int, Image]]:
    """The pictures of a file one by one, uint8 [H, W, 3] BGR, each with its time stamp. Raises av.FFmpegError."""
    import av

    with av.open(str(path)) as box:
        for frame in box.decode(video=0):
            yield frame.pts or 0, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def likeness(one: Path, other: Path) -> list[float]:
    """PSNR in dB of each picture of a file with that of another, 99 at most. Raises RunError where they differ in
    number or in time."""
    found = []
    pairs = zip(shown(one), shown(other), strict=True)
    try:
        for (pts, picture), (other_pts, other_picture) in pairs:
            if pts != other_pts:
                raise RunError(f"{one.name}: a picture at {pts}, that of {other.name} is at {other_pts}")
            error = np.square(picture.astype(np.int32) - other_picture).mean()
            found.append(99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error))))
    except ValueError as error:
        raise RunError(f"{one.name} and {other.name} differ in their number of pictures") from error
    return found
