"""Everything that is asked of one pipeline, in order: each stage alone, the whole, under load, and the verdict."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import load, stages, sweep, threads, whole
from benchmarks.model import best_share
from benchmarks.variants import variant
from benchmarks.verdict import Judge, pipeline_of
from pipeline.config import Plan
from pipeline.environment import cores

Told = Callable[[str], None]
SWEEP_ROUNDS = 3


@dataclass(frozen=True)
class Wish:
    """What is measured. `load_s`: seconds for the steps of load, 0 for none; `stand_ins`: see `benchmarks.recorded`."""

    frames: int = 100
    rounds: int = 5
    load_s: float = 60.0
    workers: str | None = None
    stand_ins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def measure(plan: Plan, wish: Wish, told: Told = lambda _: None) -> dict[str, Any]:
    """The content of a result. Raises ConfigError, RunFailed, RunError, and what the stages raise."""
    begun = time.monotonic()
    wanted = sweep.Range.parse(wish.workers, plan) if wish.workers else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = variant(plan, folder, stand_ins=wish.stand_ins)
        told("each stage alone")
        content: dict[str, Any] = {"stand_ins": dict(wish.stand_ins), "alone": stages.measure(plan, wish.frames)}
        content["by_threads"] = threads.measure(plan, folder, cores(), wish.frames, told)
        content["whole"] = whole.measure(plan, wish.frames, wish.rounds, told)
        content["copy_us"] = copy_us(content["alone"]["size"])
        if wish.load_s:
            content["load"] = load.measure(plan, content["whole"]["fps"], wish.load_s, folder, told)
        measured = content["whole"]
        judge = Judge(pipeline_of(plan, content, cores()), measured["fps"], measured["others_busy"])
        content["verdict"] = judge.verdict()
        content["prediction"] = predictions(judge)
        if wanted:
            rounds = min(wish.rounds, SWEEP_ROUNDS)
            content["sweep"] = sweep.measure(plan, wanted, judge, wish.frames, rounds, folder, told)
    return content | {"seconds": round(time.monotonic() - begun, 1)}


def predictions(judge: Judge) -> dict[str, Any] | None:
    """The rate that is expected with 1, 2, 3 ... workers of the bottleneck; None where it cannot have several."""
    share = best_share(judge.pipeline)
    stage = share[0] if share else judge.now.stage
    cost = next((cost for cost in judge.pipeline.stages if cost.name == stage), None)
    if cost is None or not cost.scalable or cost.device:
        return None
    found = {number: judge.rate({stage: number}) for number in range(1, max(4, cost.workers + 2) + 1)}
    return {
        "stage": stage,
        "workers": cost.workers,
        "points": [{"workers": number, "predicted": round(bound.rate, 2)} for number, bound in found.items()],
    }


def copy_us(size: str) -> float:
    """How long one copy of a frame takes here, from memory to memory; the median of forty."""
    width, height = map(int, size.split("x"))
    source, target = (np.ones((4, height, width, 3), np.uint8) for _ in range(2))
    times = []
    for at in range(40):
        begun = time.perf_counter()
        np.copyto(target[at % 4], source[at % 4])  # another part of memory each time: not out of the cache
        times.append(time.perf_counter() - begun)
    return round(1e6 * float(np.median(times)), 1)
