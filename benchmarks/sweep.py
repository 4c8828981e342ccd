"""How does the rate grow with the workers of one stage? Measured, beside what the model says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import whole
from benchmarks.variants import variant
from benchmarks.verdict import Judge
from pipeline.config import Plan
from pipeline.errors import ConfigError
from pipeline.plan import MOST_WORKERS
from pipeline.reading import close_match, printable

LONG_S = 3.0  # that each number of workers is measured for, at least


@dataclass(frozen=True)
class Range:
    """Which numbers of workers of which stage."""

    stage: str
    first: int
    last: int

    @classmethod
    def parse(cls, text: str, plan: Plan) -> Range:
        """Of `STAGE=1..4`, or `STAGE=2`. Raises ConfigError."""
        label = f"--workers {printable(text)}"
        found = re.fullmatch(r"([a-z][a-z0-9_-]*)=(\d{1,3})(?:\.\.(\d{1,3}))?", text)
        if found is None:
            raise ConfigError(f"{label}: STAGE=FIRST..LAST is needed, as in --workers inpainting=1..4")
        stage, first, last = found[1], int(found[2]), int(found[3] or found[2])
        names = {built.name: built for built in plan.stages}
        if stage not in names:
            raise ConfigError(f"{label}: no stage {stage!r}{close_match(stage, names)}")
        if names[stage].stage.stateful and last > 1:
            raise ConfigError(f"{label}: {stage} keeps state, or brings frames in or out: it has one worker")
        if not 1 <= first <= last <= MOST_WORKERS:
            raise ConfigError(f"{label}: a stage has 1 to {MOST_WORKERS} workers")
        return cls(stage, first, last)


def measure(
    plan: Plan,
    wanted: Range,
    judge: Judge,
    frames: int,
    rounds: int,
    folder: Path,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """A row for each number of workers: the rate of each round, and the one predicted. Raises RunFailed, RunError."""
    points = []
    for number in range(wanted.first, wanted.last + 1):
        expected = judge.rate({wanted.stage: number})
        told(f"{wanted.stage} with {number} of {wanted.last} workers")
        changed = variant(plan, folder, workers={wanted.stage: number})
        found = whole.measure(changed, max(frames, int(LONG_S * expected.rate) + whole.WARM), rounds)
        points.append(
            {
                "workers": number,
                "rate": found["fps"],
                "rate_of_rounds": found["fps_of_rounds"],
                "predicted": round(expected.rate, 2),
                "others_busy": found["others_busy"],
                "error": round(expected.rate / found["fps"] - 1, 4),
                "limit": expected.kind,
                "bottleneck": expected.stage or None,
            }
        )
    return {"stage": wanted.stage, "rounds": rounds, "points": points}
