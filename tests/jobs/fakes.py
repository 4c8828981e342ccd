"""An engine of which a test says what comes of each order; it makes files, but runs nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pipeline.jobs.engine import Event
from pipeline.jobs.job import Job
from pipeline.jobs.manifest import Call
from pipeline.jobs.opening import Opened, open_job
from pipeline.jobs.work import Order, Outcome

Fate = Callable[[Order, int], Outcome | None]
"""What comes of an order in its so-manieth try (from 1); None: it is done."""


def done(order: Order) -> Outcome:
    """As after a run: its results lie where they should; what is in them tells what they were made of."""
    content = hashlib.sha256(Path(order.cut).read_bytes()).digest()
    for output in order.outputs:
        Path(output).write_bytes(content)
    result = hashlib.sha256(content).hexdigest()
    return Outcome(order.index, written=order.frames, results=(result,) * len(order.outputs), models={"net": "a" * 64})


class Fake:
    """Does one order after the other when it is waited for."""

    name = "fake"

    def __init__(self, fate: Fate = lambda order, number: None, measures: bool = True, lanes: int = 1) -> None:
        self.orders: list[Order] = []
        self.measures = measures
        self.closed = False
        self.most = 0  # orders under way at a time
        self.lanes = lanes
        self._fate = fate
        self._waiting: list[Order] = []

    @property
    def done(self) -> list[int]:
        return [order.index for order in self.orders]

    def submit(self, order: Order) -> None:
        self.orders.append(order)
        self._waiting.append(order)
        self.most = max(self.most, len(self._waiting))
        assert len(self._waiting) <= self.lanes

    def wait(self, timeout: float) -> Event | None:
        if not self._waiting:
            return None
        order = self._waiting.pop(0)
        return self._fate(order, self.done.count(order.index)) or done(order)

    def close(self) -> None:
        self.closed = True


def call_of(config: str, output: Path, *sets: str, segment: str = "0.8", preroll: str = "0.3") -> Call:
    return Call(config=config, sets=list(sets), outputs=[str(output)], segment=segment, preroll=preroll)


def opened(video: Path, call: Call, said: list[str] | None = None) -> Opened:
    """The job, with its folder there."""
    job = open_job(str(video), call, (said if said is not None else []).append)
    job.folder.mkdir(exist_ok=True)
    return job


def job_of(job: Opened, engine: Fake, said: list[str] | None = None, lanes: int | None = 1) -> Job:
    said = said if said is not None else []
    return Job(job.manifest, job.folder, job.recipe, engine, lanes, said.append)


def work(video: Path, call: Call, engine: Fake | None = None, lanes: int | None = 1) -> tuple[Opened, Fake, list[str]]:
    """A job opened and worked on to its end; what it said."""
    said: list[str] = []
    engine = engine or Fake()
    job = opened(video, call, said)
    job_of(job, engine, said, lanes).work()
    return job, engine, said
