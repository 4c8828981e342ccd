"""A trial: one run of the real runtime, its processes and all, over stages made for a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.diary import Timeline
from benchmarks.results import of_run
from pipeline.config import load_config
from pipeline.supervisor import Supervisor

FEED, WORK, TAKE = (f"benchmarks.sleepers:{name}" for name in ("Feed", "Work", "Take"))
SMALL = {"width": 320, "height": 240}

Tick = Callable[[Supervisor], None]


@dataclass(frozen=True)
class Step:
    """One stage of a trial, by its class, with the fields it gets."""

    name: str
    uses: str = WORK
    workers: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def entry(self, folder: Path) -> dict[str, Any]:
        """As in a configuration; its diary goes into the folder."""
        options = {**self.options, "diary": str(folder / self.name)}
        return {"name": self.name, "uses": self.uses, "workers": self.workers, "with": options}


@dataclass(frozen=True)
class Trial:
    """What came of it: the run report, and the stages' own diaries."""

    report: dict[str, Any]
    times: Timeline


def feed(count: int, *, every_ms: float = 0.0, **options: Any) -> Step:
    """The source: `count` frames of 320x240, as fast as they are taken or one every so many milliseconds."""
    return Step("feed", FEED, options={**SMALL, "count": count, "every_ms": every_ms, **options})


def work(name: str, ms: float = 0.0, workers: int = 1) -> Step:
    """A transform that sleeps so long over each frame."""
    return Step(name, workers=workers, options={"ms": ms})


def take(ms: float = 0.0) -> Step:
    """The sink."""
    return Step("take", TAKE, options={"ms": ms})


class Gathering:
    """Keeps the source waiting until every worker is there: one that comes late would be missing from a figure."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._waiting: bool | None = None

    def tick(self, supervisor: Supervisor) -> None:
        if self._waiting is None:  # nobody can have been granted anything in the first turn
            supervisor.ledger.hold(0)
            self._waiting = True
        if self._waiting and all(member.state == "ready" for member in supervisor.crew.members.values()):
            supervisor.ledger.release(0)
            self._waiting = False
        self._tick(supervisor)


def run(steps: Sequence[Step], *, tick: Tick = lambda _: None, **top: Any) -> Trial:
    """Run these stages to the end of the source; `top`: further keys of the configuration. Raises RunFailed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "trial.yaml"
        stages = [step.entry(folder) for step in steps]
        path.write_text(yaml.safe_dump({"name": "trial", **top, "stages": stages}, sort_keys=False))
        report = of_run(
            load_config(str(path), environment={}), tick=Gathering(tick).tick
        )  # variables are for pipelines of the user
        return Trial(report, Timeline.read(folder, [step.name for step in steps]))
