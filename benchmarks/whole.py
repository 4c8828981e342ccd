"""How many frames a second does a whole pipeline do, its processes side by side, and what is each stage's part?"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.results import of_run
from benchmarks.transport import Bystanders
from benchmarks.watch import Watch
from pipeline.config import Plan
from pipeline.errors import RunError

WARM = 10  # frames out before anything is counted: the pipeline fills


def measure(plan: Plan, frames: int, rounds: int, told: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """`rounds` runs of at most `frames` frames each; of each figure the median. Raises RunFailed, RunError.

    Loading and filling are not counted: the clock goes from the `WARM`th frame out to the last one. `others_busy`:
    processors that other programs took meanwhile."""
    found, bystanders = [], Bystanders()
    for number in range(rounds):
        told(f"the whole, round {number + 1} of {rounds}")
        found.append(_round(plan, frames))
    return {
        **_medians(found),
        "fps_of_rounds": [one["fps"] for one in found],
        "control_ms_per_frame_of_rounds": [one["control_ms_per_frame"] for one in found],
        "frames": found[0]["frames"],
        "others_busy": round(bystanders.processors(), 2),
        "on_full": plan.on_full,
        "slots": plan.slots,
        "stages": {built.name: _stage(built.config.workers, [one["stages"][built.name] for one in found])
                   for built in plan.stages},
    }  # fmt: skip


def _round(plan: Plan, frames: int) -> dict[str, Any]:
    names = [built.name for built in plan.stages]
    watch = Watch(names, WARM)
    report = of_run(plan, limit=frames, tick=watch.tick)
    stretch = watch.stretch
    if stretch is None or stretch.fps <= 0:
        out = report["frames"]["output"]
        raise RunError(f"{out} frames came out, too few to tell a rate: {WARM} are for warming up")
    hop = stretch.hop.summary_ms()
    return {
        "fps": round(stretch.fps, 3),
        "frames": report["frames"]["output"],
        "latency_ms": stretch.latency.summary_ms(),
        "hop_us": {key: round(1000 * hop[key], 1) for key in ("p50", "p99")},
        "control_ms_per_frame": round(stretch.control_ms, 4),
        "stages": {name: {**stretch.stage(name), "queue": watch.queues.summary(name)} for name in names},
    }


def _stage(workers: int, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`p50_ms` with its rounds stands beside the rest: it is what is compared."""
    rounds = [one["service_ms"]["p50"] for one in found]
    return {"workers": workers, **_medians(found), "p50_ms": statistics.median(rounds), "p50_ms_of_rounds": rounds}


def _medians(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of dictionaries that are alike, one that holds the median of every figure."""
    return {
        key: _medians([one[key] for one in found])
        if isinstance(value, Mapping)
        else _median([one[key] for one in found])
        for key, value in found[0].items()
        if key != "stages"
    }


def _median(values: Sequence[float]) -> float:
    return round(float(statistics.median(values)), 4)
