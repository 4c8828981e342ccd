"""What comes out, and how late, when a live source brings four times what the slowest stage can do?

A camera, a stage of 10 ms, the bottleneck of 20 ms and a sink of 2 ms; frames that are too many drop (`drop_oldest`).
Latency is from the camera's frame to the sink's being done with it, by the stages' own diaries.

`overload_output`: frames/s at the sink, by the bottleneck's own rate (1 / its true mean time in that very run).
`overload_p99_latency`: the 99th percentile of the latency, by that at half the bottleneck's rate.
`overload_p99_ms`, `half_load_p99_ms`: the two. `e2e_at_half_load`: the median latency at half load, by the sum of the
stages' median times and of three hops, which are measured elsewhere (`hop_us`): what is more was spent waiting.
"""

from __future__ import annotations

import numpy as np

from benchmarks.diary import Timeline
from benchmarks.trial import WORK, Step, feed, run, take

FIRST_MS, BOTTLENECK_MS, SINK_MS = 10.0, 20.0, 2.0
AFTER_SOURCE = ("first", "bottleneck", "take")
DROP = "drop_oldest"
WARM = 10  # frames of the bottleneck
FRAMES = 80


def live(load: float, frames: int = FRAMES, stage: str = WORK, on_full: str = DROP) -> Timeline:
    """A run in which the source brings `load` times the bottleneck's rate, until that one has had about `frames`.

    Raises RunFailed, RunError."""
    each = max(1.0, load)  # frames that come while the bottleneck does one
    steps = [
        feed(round((WARM + frames) * each), every_ms=BOTTLENECK_MS / load),
        Step("first", options={"ms": FIRST_MS}),
        Step("bottleneck", stage, options={"ms": BOTTLENECK_MS}),
        take(SINK_MS),
    ]
    return run(steps, on_full=on_full).times.after(round(WARM * each))


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
