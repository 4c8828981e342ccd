"""How fast a run mends: `python -m tests.faults.recovery [JSON]` kills each stage's workers, one by one, and measures.

Seen: from SIGKILL until the supervisor has buried the worker. Back: until its successor is ready, less its set-up
(that is where a model loads). Meanwhile: the rate of the others of that stage, as a share of the rate of all; 0.67 is
what two of three can do. The times are those of the run's log, in milliseconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.results import FOLDER, complete, save
from tests.faults.checked import STAGES, chance, check_books, check_output, forgiving
from tests.faults.storm import Storm
from tests.runs import Run
from tests.waiting import wait_until

KILLS = 10  # of each stage
INVERTERS = 3
WORK_S = 0.02  # of an inverter over one frame: three of them are the bottleneck
CALM_S = 1.0  # over which the undisturbed rate is measured


@contextmanager
def endless(folder: Path) -> Iterator[Run]:
    config = forgiving(folder, count=10_000_000, inverters=INVERTERS, size=(640, 360), sleep=WORK_S)
    run = Run(folder, config)
    try:
        wait_until(lambda: run.output.exists() and len(run.lines()) > 50)
        yield run
    finally:
        run.kill()


def lines(run: Run) -> int:
    return run.output.read_bytes().count(b"\n")


def rate(run: Run, seconds: float) -> float:
    """Frames per second that come out."""
    begun, before = time.monotonic(), lines(run)
    wait_until(lambda: time.monotonic() - begun >= seconds)
    return (lines(run) - before) / (time.monotonic() - begun)


def kill_one(storm: Storm, stage: str, usual: float) -> float:
    """Kill one worker and wait until the stage has another; what came out meanwhile, as a share of the usual."""
    run, known = storm.run, len(storm.recovery().back)
    wait_until(lambda: bool(run.workers(stage)))
    victim = storm.rng.choice(run.workers(stage))
    begun, before = time.monotonic(), lines(run)
    storm.kill(victim)
    wait_until(lambda: len(storm.recovery().back) > known)
    share = (lines(run) - before) / (time.monotonic() - begun) / usual
    before = lines(run)
    wait_until(lambda: lines(run) > before + 10)
    return share


def measure(folder: Path) -> dict[str, Any]:
    """Kill every stage's workers KILLS times. The output and the books are checked at the end."""
    found: dict[str, Any] = {}
    with endless(folder) as run:
        usual = rate(run, CALM_S)
        storm = Storm(run, chance())
        for stage in STAGES:
            before = storm.recovery()
            shares = [kill_one(storm, stage, usual) for _ in range(KILLS)]
            now = storm.recovery()
            figures = type(now)(KILLS, now.seen[len(before.seen) :], now.back[len(before.back) :]).figures()
            found[stage] = figures | ({"meanwhile": round(median(shares), 3)} if stage == "invert" else {})
        storm.pass_over()
        run.process.terminate()
        ended = run.end()
    assert ended.code == 143, ended.stderr
    check_output(run, ended.frames["accepted"])
    check_books(ended, ended.frames["accepted"])
    return {"kills_of_each": KILLS, "workers": {"invert": INVERTERS}, "fps": round(usual, 1), "stages": found}


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLEANPLATE_STATE"] = folder
        content = complete("recovery", measure(Path(folder)))
    save(path, content)
    for stage, figures in content["stages"].items():
        print(stage, figures)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "recovery.json")
