"""Does any process grow while a long video goes through?

`python -m benchmarks.memory CLIP [--config remove-people]` watches the resident memory of the supervisor and of every
worker from frame 200 on. The ring is mapped and touched whole at the start, so it does not count as growth.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import psutil

from pipeline.config import load_config
from pipeline.report import machine, write_atomically
from pipeline.run import run_plan
from pipeline.supervisor import Supervisor

RESULTS = Path(__file__).parent / "results"
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


def measure(clip: str, config: str) -> dict[str, Any]:
    """Run the clip once; growth in MB by process."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        plan = load_config(config, given=clip, wanted=str(Path(folder) / "out.mp4"))
        result = run_plan(plan, tick=watch.tick)
    assert result.code == 0, result.error
    report = result.report
    return {
        "clip": Path(clip).name,
        "frames": report["frames"],
        "fps": report["fps"],
        "stages": report["stages"],
        "processes": watch.growth(),
        "machine": machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--config", default="remove-people")
    options = parser.parse_args()
    content = measure(options.clip, options.config)
    RESULTS.mkdir(exist_ok=True)
    write_atomically(RESULTS / "memory.json", content)
    print(json.dumps({key: content[key] for key in ("clip", "frames", "fps", "processes")}, indent=1))


if __name__ == "__main__":
    main()
