"""Pipelines that forgive any number of deaths, and what must be true of their output whatever was done to them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from tests.runs import Ended, Run, toy

STAGES = ("ingest", "total", "invert", "output")  # source, stateful, stateless, sink


def forgiving(
    folder: Path, *, count: int, inverters: int = 1, size: tuple[int, int] = (64, 48), sleep: float = 0.0
) -> dict[str, Any]:
    """Numbered pictures, their sum in lasting memory, their negatives, a line for each; no death is one too many."""
    total = {"name": "total", "uses": "tests.toys:Sum"}
    invert = {"name": "invert", "uses": "tests.toys:Invert", "workers": inverters, "with": {"sleep": sleep}}
    config = toy(folder, total, invert, sink="CollectWithMask", max_tries=100_000)
    config["stages"][0]["with"] = {"count": count, "width": size[0], "height": size[1]}
    for stage in config["stages"]:
        stage["restart"] = {"max_restarts": 100_000, "within_s": 0.001}  # that short: no death makes the next one wait
    return config


def check_output(run: Run, count: int) -> None:
    """Each picture once, in order, whole, with the right sum: nothing torn, reordered, doubled, lost or mixed up."""
    total = 0
    lines = run.lines()
    for index, line in enumerate(lines[:count]):
        total += index
        assert line == [index, index, 0, 1, total % 251], f"line {index}: {line = }"
    assert len(lines) == count


def check_books(ended: Ended, count: int) -> None:
    """Every frame is accounted for, and came out."""
    assert ended.report["ledger_balanced"], ended.report
    assert ended.frames == {"accepted": count, "output": count, "blanked": 0, "dropped": {}, "rejected": 0}


def chance() -> random.Random:
    """Chance for one test; the seed is printed, and `SEED=` brings back that of an earlier run."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={seed}")
    return random.Random(seed)
