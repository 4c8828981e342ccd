"""What does a frame cost a stage whose workers have fewer threads each? Several workers share out the cores.

Threads that wait for each other spin, so the work of a network takes the more CPU the more threads do it, above all
beside other programs; no formula says how much. It is measured: each number of threads in a process of its own, alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import stages
from pipeline.config import Plan, load_config
from pipeline.environment import worker_environment
from pipeline.errors import RunError
from pipeline.plan import MOST_WORKERS

FRAMES = 40
MOST = 3  # different numbers of threads
LIMIT_S = 300.0


def measure(
    plan: Plan, folder: Path, cores: int, frames: int, told: Callable[[str], None] = lambda _: None
) -> dict[str, dict[str, dict[str, float]]]:
    """By heavy stage that may have several workers, by threads: `service_ms` and `cpu_ms` of a frame, by itself.

    `folder` holds the plan's own file, as `benchmarks.variants` has written it. Raises RunError."""
    heavy = [built.name for built in plan.stages if built.stage.heavy and not built.stage.stateful]
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in heavy}
    for number in shares(cores) if heavy else []:
        told(f"each stage alone, with {number} of {cores} threads")
        costs = _ask(folder / "variant.yaml", number, min(frames, FRAMES))
        for name in heavy:
            found[name][str(number)] = costs[name]
    return found


def shares(cores: int) -> list[int]:
    """The threads that each of one, two, three ... workers has, most first; no more than MOST different ones."""
    return sorted({max(1, cores // workers) for workers in range(1, MOST_WORKERS + 1)}, reverse=True)[:MOST]


def _ask(path: Path, number: int, frames: int) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.threads", str(path), str(frames)],
        env=worker_environment(number), capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise RunError(f"the stages could not be measured with {number} threads: {last}")
    costs: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return costs


def main(path: str, frames: int) -> None:
    """Print the costs of all stages as JSON; in a process that has its threads from its environment."""
    alone = stages.measure(load_config(path, environment={}), frames)["stages"]
    steps = {name: figures for name, figures in alone.items() if "cpu_ms" in figures}  # all but the source
    print(json.dumps({name: {"service_ms": f["p50_ms"], "cpu_ms": f["cpu_ms"]} for name, f in steps.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
