"""What comes out, and how late, when a live source brings four times what the slowest stage can do?

A camera, a stage of 10 ms, the bottleneck of 20 ms and a sink of 2 ms; frames that are too many drop (`drop_oldest`).
Latency is from the camera's frame to the sink's being done with it, by the stages' own diaries.

`overload_output`: frames/s at the sink, by the bottleneck's own rate (1 / its true mean time in that very run).
`overload_p99_latency`: the 99th percentile of the latency, by that at half the bottleneck's rate.
`overload_p99_ms`, `half_load_p99_ms`: the two. `e2e_at_half_load`: the median latency at half load, by the sum of the
stages' median times and of three hops, which are measured elsewhere (`hop_us`): what is more was spent waiting.

`python -m benchmarks.overload` asks further, and writes `results/overload.json`: a camera of 60 frames/s into a stage
that can do 10, by one of 5 (`stand_ins`), and the same camera into the real removal of people, by one of 3 (`removal`).
Rounds alternate between the two; each percentile is the median of the rounds' run reports.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.diary import Timeline
from benchmarks.results import FOLDER, complete, make_folder, of_run, save
from benchmarks.trial import WORK, Step, Trial, feed, run, take
from pipeline.config import load_config

FIRST_MS, BOTTLENECK_MS, SINK_MS = 10.0, 20.0, 2.0
AFTER_SOURCE = ("first", "bottleneck", "take")
DROP = "drop_oldest"
WARM = 10  # frames of the bottleneck
FRAMES = 80


CAN, LIGHT, FLOOD = 10, 5, 60  # frames/s: of the slow stage, and of the two cameras
REMOVAL, LIGHT_REMOVAL = "live-camera", 3
SECONDS, ROUNDS = 8, 3
MOST = 2.0  # p99 latency of a flood, by that under light load


def live(load: float, frames: int = FRAMES, stage: str = WORK, on_full: str = DROP) -> Timeline:
    """A run in which the source brings `load` times the bottleneck's rate, until that one has had about `frames`.

    Raises RunFailed, RunError."""
    each = max(1.0, load)  # frames that come while the bottleneck does one
    many = round((WARM + frames) * each)
    return _trial(many, BOTTLENECK_MS / load, BOTTLENECK_MS, stage, on_full).times.after(round(WARM * each))


def _trial(frames: int, every_ms: float, bottleneck_ms: float, stage: str = WORK, on_full: str = DROP) -> Trial:
    steps = [
        feed(frames, every_ms=every_ms),
        Step("first", options={"ms": FIRST_MS}),
        Step("bottleneck", stage, options={"ms": bottleneck_ms}),
        take(SINK_MS),
    ]
    return run(steps, on_full=on_full)


def measure(hop_us: float, frames: int = FRAMES, stage: str = WORK, on_full: str = DROP) -> dict[str, float]:
    """Four times too much, then half; `stage`: the class of the bottleneck. Raises RunFailed, RunError."""
    flood, half = live(4, frames, stage, on_full), live(0.5, frames // 2, stage, on_full)
    late, usual = (float(np.percentile(times.latency_ms("feed", "take"), 99)) for times in (flood, half))
    at_best = sum(float(np.median(half.stage_ms(name))) for name in AFTER_SOURCE) + len(AFTER_SOURCE) * hop_us / 1000
    return {
        "overload_output": flood.rate("take") * flood.mean_ms("bottleneck") / 1000,
        "overload_p99_latency": late / usual,
        "overload_p99_ms": late,
        "half_load_p99_ms": usual,
        "e2e_at_half_load": float(np.median(half.latency_ms("feed", "take"))) / at_best,
    }


# A camera of 60 frames a second


def paired(report: Callable[[int], dict[str, Any]], light: int, flood: int, rounds: int) -> dict[str, Any]:
    """Light load and a flood in turn: the latencies of both in milliseconds, what became of the frames, the ratios.

    `report` runs a camera of so many frames/s."""
    found: dict[int, list[dict[str, Any]]] = {light: [], flood: []}
    for _ in range(rounds):
        for rate, reports in found.items():
            reports.append(report(rate))
    calm, full = (_summary(rate, reports) for rate, reports in found.items())
    ratios = {p: round(full["latency_ms"][p] / calm["latency_ms"][p], 3) for p in calm["latency_ms"]}
    return {"light": calm, "overload": full, "ratio": ratios}


def _summary(rate: int, reports: list[dict[str, Any]]) -> dict[str, Any]:
    frames = [one["frames"] for one in reports]
    return {
        "rate": rate,
        "latency_ms": {
            p: round(statistics.median(one["latency_ms"][p] for one in reports), 2) for p in ("p50", "p95", "p99")
        },
        "accepted": sum(one["accepted"] for one in frames),
        "output": sum(one["output"] for one in frames),
        "dropped": sum(sum(one["dropped"].values()) for one in frames),
        "balanced": all(one["ledger_balanced"] for one in reports),
    }


def stand_in(rate: int, seconds: float = SECONDS) -> dict[str, Any]:
    """The report of a camera of that rate before a stage that can do CAN. Raises RunFailed, RunError."""
    return _trial(round(rate * seconds), 1000 / rate, 1000 / CAN).report


def removal(rate: int, seconds: float = 2 * SECONDS) -> dict[str, Any]:
    """The same of the real thing, from a picture that is drawn. Raises RunFailed, RunError."""
    given = f"cam:lavfi:testsrc2=size=320x240:rate={rate}"
    plan = load_config(REMOVAL, given=given, wanted="null:", environment={})
    return of_run(plan, limit=round(rate * seconds))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of light load and flood in turn")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each run; twice that of the real thing")
    parser.add_argument("--json", type=Path, default=FOLDER / "overload.json", help="default: %(default)s")
    asked = parser.parse_args(arguments)
    make_folder(asked.json)
    found = {
        "stand_ins": paired(lambda rate: stand_in(rate, asked.seconds), LIGHT, FLOOD, asked.rounds),
        "removal": paired(lambda rate: removal(rate, 2 * asked.seconds), LIGHT_REMOVAL, FLOOD, asked.rounds),
    }
    met = {name: one["ratio"]["p99"] <= MOST for name, one in found.items()}
    save(asked.json, complete("overload", {**found, "rounds": asked.rounds, "most": MOST, "met": met}))
    for name, one in found.items():
        print(f"{name}: p99 {one['ratio']['p99']} times that under light load (at most {MOST:g}: {met[name]})")
    print(asked.json)


if __name__ == "__main__":
    main()
