"""The model: which rate a pipeline reaches with so many workers, and what holds it there. Pure arithmetic, no clock.

A rate is held down by the slowest stage (its workers over the time that one of them is bound by a frame), by the cores
(how many there are over the CPU seconds of all stages for a frame), by the supervisor, or by too few slots. The least
of these is the rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SENSIBLE = 16  # that are advised: each is a process
WORTH = 0.05  # a gain below this is not worth a worker


@dataclass(frozen=True)
class Cost:
    """What a frame costs at one stage, as measured with `workers` of them."""

    name: str
    service_s: float  # in the stage's own code, by one worker that nothing holds up
    cpu_s: float = 0.0  # of all threads of its workers
    workers: int = 1
    scalable: bool = True  # it may have several workers
    heavy: bool = False  # its workers share out the cores: more workers, fewer threads for each
    ahead: bool = False  # a lone worker has its next frame granted while it works
    device: str = ""  # what its workers share where that is not the cores: `cuda:0`
    after: str | None = None
    by_threads: Mapping[int, tuple[float, float]] = field(default_factory=dict)  # service_s, cpu_s, measured alone


@dataclass(frozen=True)
class Pipeline:
    """All that a prediction needs. `slots`: None where they grow with the workers."""

    stages: tuple[Cost, ...]
    cores: int
    control_s: float = 0.0  # CPU of the supervisor for a frame
    hop_s: float = 0.0  # from a commit until that worker has its next frame
    slots: int | None = None


@dataclass(frozen=True)
class Bound:
    """A rate that cannot be passed, in frames/s, and what sets it; `stage` is empty for anything but a stage."""

    rate: float
    kind: Literal["stage", "cores", "control", "slots"]
    stage: str = ""

    @property
    def what(self) -> tuple[str, str]:
        return self.kind, self.stage


def threads(cost: Cost, workers: int, cores: int) -> int:
    """Threads that each worker has, as `pipeline.crew` shares them out."""
    return max(1, cores // workers) if cost.heavy else 1


def service_s(cost: Cost, workers: int, cores: int) -> float:
    """The time that a frame takes one of so many workers. Where it was not measured with that many threads, Amdahl's
    law: what several threads did takes longer in fewer. Of service = serial + parallel / threads and
    CPU = serial + parallel follows what of it was done in parallel."""
    was, now = threads(cost, cost.workers, cores), threads(cost, workers, cores)
    if was != now and now in cost.by_threads:
        return cost.by_threads[now][0]
    beside = cost.cpu_s - cost.service_s  # done by other threads meanwhile
    if was == now or was == 1 or beside <= 0:
        return cost.service_s
    parallel = min(cost.cpu_s, beside * was / (was - 1))
    return max(0.0, cost.service_s - parallel / was) + parallel / now


def cpu_s(cost: Cost, workers: int, cores: int) -> float:
    """The CPU that a frame takes, with so many workers: fewer threads for each wait less for each other."""
    was, now = threads(cost, cost.workers, cores), threads(cost, workers, cores)
    return cost.by_threads[now][1] if was != now and now in cost.by_threads else cost.cpu_s


def cycle_s(cost: Cost, workers: int, pipeline: Pipeline) -> float:
    """How long a frame binds a worker: its service, and the way of the next frame where that is not hidden by it."""
    hop = 0.0 if cost.ahead and workers == 1 else pipeline.hop_s
    return service_s(cost, workers, pipeline.cores) + hop


def bounds(pipeline: Pipeline, workers: Mapping[str, int] | None = None) -> list[Bound]:
    """Everything that holds the rate down, the lowest first. `workers`: where they are not as measured."""
    count = {cost.name: (workers or {}).get(cost.name, cost.workers) for cost in pipeline.stages}
    cycles = {cost.name: cycle_s(cost, count[cost.name], pipeline) for cost in pipeline.stages}
    found = [Bound(_rate(count[name], cycle), "stage", name) for name, cycle in cycles.items()]
    cpu = sum(cpu_s(cost, count[cost.name], pipeline.cores) for cost in pipeline.stages) + pipeline.control_s
    found.append(Bound(_rate(pipeline.cores, cpu), "cores"))
    found.append(Bound(_rate(1, pipeline.control_s), "control"))
    if pipeline.slots is not None:
        found.append(Bound(_rate(pipeline.slots, _longest(pipeline, cycles)), "slots"))
    return sorted(found, key=lambda bound: bound.rate)


def predict(pipeline: Pipeline, workers: Mapping[str, int] | None = None) -> Bound:
    """The rate that these workers reach, and what holds it there."""
    return bounds(pipeline, workers)[0]


def next_number(pipeline: Pipeline, stage: str) -> int | None:
    """How many workers of this stage raise the rate until something else holds it; None where more gain nothing."""
    cost = next(cost for cost in pipeline.stages if cost.name == stage)
    now = best = predict(pipeline)
    number = None
    if not cost.scalable or cost.device:
        return None
    for count in range(cost.workers + 1, max(SENSIBLE, cost.workers + 1) + 1):
        then = predict(pipeline, {stage: count})
        if then.rate > best.rate * 1.001:
            best, number = then, count
        if then.stage != stage:
            break
    return number if best.rate > now.rate * (1 + WORTH) else None


def best_share(pipeline: Pipeline) -> tuple[str, int] | None:
    """The stage, and its number of workers, that saves CPU where the cores hold the rate; None where none does."""
    now, best, chosen = predict(pipeline), predict(pipeline).rate * (1 + WORTH), None
    for cost in pipeline.stages if now.kind == "cores" else ():
        for count in range(1, pipeline.cores + 1) if cost.scalable and cost.heavy and not cost.device else ():
            then = predict(pipeline, {cost.name: count})
            if then.rate > best * 1.001:
                best, chosen = then.rate, (cost.name, count)
    return chosen


def _rate(number: int, seconds: float) -> float:
    return number / seconds if seconds > 0 else float("inf")


def _longest(pipeline: Pipeline, cycles: Mapping[str, float]) -> float:
    """Seconds for which a frame holds its slot: the longest way from the source to a sink."""
    ends: dict[str, float] = {}
    for cost in pipeline.stages:
        ends[cost.name] = ends.get(cost.after or "", 0.0) + cycles[cost.name]
    return max(ends.values())
