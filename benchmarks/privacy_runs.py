"""Runs of `deface` and of `cleanplate run` beside it, timed alike from outside; judges no picture."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import RunError

BIN = Path(sys.executable).parent
LIMIT_S = 1200.0
POLL_S = 0.005
HEADER = 1024  # bytes: what a file holds before its first picture is less
RATE = re.compile(r"([\d.]+)\s*(it/s|s/it)")

Command = Sequence[Path | str]


@dataclass(frozen=True)
class Timed:
    """A command that went well: its seconds, those until a first picture was on the disk (None: only at the end), those
    of CPU with all its children's, and what it said."""

    seconds: float
    first_s: float | None
    cpu_s: float
    said: str = ""


@dataclass(frozen=True)
class Ran:
    """What came of it, how long it took, frames/s while it was at it, and its report where it writes one."""

    output: Path
    took: Timed
    steady_fps: float
    report: dict[str, Any] = field(default_factory=dict)


def deface(clip: Path, output: Path, *options: str) -> Ran:
    """With its own defaults, but for the options. Frames/s are those of its progress bar, which starts once it has
    loaded. Raises RunError."""
    took = timed([BIN / "deface", clip, "-o", output, *options], output)
    return Ran(output, took, bar_rate(took.said))


def cleanplate(config: Path | str, clip: Path, output: Path, *sets: str) -> Ran:
    """As shipped, but for `sets`. Raises RunError."""
    report = output.with_suffix(".json")
    chosen = [part for one in sets for part in ("--set", one)]
    took = timed(
        [BIN / "cleanplate", "run", config, "-i", clip, "-o", output, "--report", report, "--quiet", *chosen], output
    )
    found: dict[str, Any] = json.loads(report.read_text())
    return Ran(output, took, float(found["fps"]), found)


def bar_rate(said: str) -> float:
    """Frames/s as a progress bar said last: `12.3it/s`, or `1.5s/it`. Raises RunError."""
    found = RATE.findall(said)
    if not found:
        raise RunError(f"no rate in what it said last: {said.strip()[-80:]!r}")
    number, unit = found[-1]
    return float(number) if unit == "it/s" else 1 / float(number)


def timed(command: Command, output: Path, look: Callable[[int], None] = lambda pid: None) -> Timed:
    """Run it; what lay at `output` is deleted before. `look` is called with its process again and again while it runs.

    Raises RunError where it fails, or writes nothing."""
    for left in output.parent.glob(f"{output.name}*"):
        left.unlink()
    with tempfile.TemporaryFile() as said:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            first, cpu = _watch(process, output, begun, look)
        except BaseException:  # interrupted: nobody else ends it
            process.kill()
            process.wait()
            raise
        seconds = time.monotonic() - begun
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode or not output.exists():
        last = (text.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(f"{Path(command[0]).name}, {output.name}: ended with {process.returncode}: {last}")
    return Timed(seconds, first, cpu, text)


def _watch(
    process: subprocess.Popen[bytes], output: Path, begun: float, look: Callable[[int], None]
) -> tuple[float | None, float]:
    """When a file of that name, or one beginning like it, held more than a header; and seconds of CPU."""
    first: float | None = None
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return first, used.ru_utime + used.ru_stime
        if first is None and any(_size(path) > HEADER for path in output.parent.glob(f"{output.name}*")):
            first = time.monotonic() - begun
        if time.monotonic() - begun > LIMIT_S:
            process.kill()
        look(process.pid)
        time.sleep(POLL_S)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # renamed meanwhile
        return 0
