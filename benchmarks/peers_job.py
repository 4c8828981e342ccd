"""What a peer is given, and what it says of itself; knows no peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.privacy_runs import Command

PACE = 3  # frames/s that come, where it is asked how late they are


@dataclass(frozen=True)
class Job:
    """A file to be worked on, where to, what lies beside it for the time, a file of LaMa, and how many of its frames
    are enough for who takes seconds for each; 0: all."""

    clip: Path
    output: Path
    folder: Path
    lama: Path
    frames: int
    few: int = 0

    @property
    def report(self) -> Path:
        """Where a run of ours writes its report."""
        return self.folder / "report.json"


@dataclass(frozen=True)
class Said:
    """What a program says of its own run: frames/s without loading, milliseconds from a frame's coming to its going,
    seconds of CPU without loading. None: it does not say."""

    steady_fps: float | None = None
    late_ms: float | None = None
    cpu_s: float | None = None


Start = Callable[[Job], Command]
Hear = Callable[[str, Job], Said]
Config = Callable[[Job], Path | str]
