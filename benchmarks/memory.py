"""Does any process grow while a long video goes through?

Watches the resident memory of the supervisor and of every worker from frame 200 on. The ring is mapped and touched
whole at the start, so it does not count as growth.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.results import of_run
from pipeline.config import load_config
from pipeline.errors import RunError
from pipeline.supervisor import Supervisor

WARM = 200  # frames
EVERY = 20


class Watch:
    """Samples the resident memory of all processes of a run, by stage and worker number."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {}
        self._next = WARM

    def tick(self, supervisor: Supervisor) -> None:
        if supervisor.ledger.fates["output"] < self._next:
            return
        self._next += EVERY
        self._note("supervisor", os.getpid())
        for member in supervisor.crew.members.values():
            self._note(f"{supervisor.plan.stages[member.stage].name} {member.number}", member.process.pid)

    def _note(self, name: str, pid: int) -> None:
        self.samples.setdefault(name, []).append(psutil.Process(pid).memory_info().rss / 1e6)

    def growth(self) -> dict[str, dict[str, float]]:
        return {
            name: {
                "at_200_mb": round(found[0], 1),
                "most_mb": round(max(found), 1),
                "grown_mb": round(max(found) - found[0], 1),
            }
            for name, found in self.samples.items()
        }


def measure(clip: str, config: str, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Run the clip once; growth in MB by process. Raises RunFailed; RunError: it is too short to tell."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        plan = load_config(config, sets=sets, given=clip, wanted=str(Path(folder) / "out.mp4"))
        report = of_run(plan, tick=watch.tick)
    if not watch.samples:
        raise RunError(f"{clip}: fewer than {WARM} frames tell nothing about growth")
    return {
        "clip": Path(clip).name,
        "frames": report["frames"],
        "fps": report["fps"],
        "stages": report["stages"],
        "processes": watch.growth(),
        "most_grown_mb": max(found["grown_mb"] for found in watch.growth().values()),
    }
