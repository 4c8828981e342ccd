"""How many frames a second does a whole pipeline do, its processes side by side?"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.results import of_run
from pipeline.config import Plan


def measure(plan: Plan, frames: int, rounds: int) -> dict[str, Any]:
    """`rounds` runs of at most `frames` frames each; of each figure the median. Raises RunFailed.

    Loading is not counted: a run's clock goes from its first frame in to its last one out."""
    reports = [of_run(plan, limit=frames) for _ in range(rounds)]
    return {
        "fps": _median(report["fps"] for report in reports),
        "fps_of_rounds": [round(report["fps"], 2) for report in reports],
        "frames": reports[0]["frames"]["output"],
        "latency_ms": {key: _median(r["latency_ms"][key] for r in reports) for key in reports[0]["latency_ms"]},
        "hop_us": {key: _median(r["runtime"]["hop_us"][key] for r in reports) for key in ("p50", "p99")},
        "control_ms_per_frame": _median(r["runtime"]["control_ms_per_frame"] for r in reports),
        "busy_ms": {
            name: {key: _median(r["stages"][name]["busy_ms"][key] for r in reports) for key in ("p50", "p95", "p99")}
            for name in reports[0]["stages"]
        },
    }


def _median(values: Any) -> float:
    return round(float(statistics.median(values)), 3)
