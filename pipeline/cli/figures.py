"""Figures: what the latest looks at a run say together: rates, loads, what its workers use. Asks nobody."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.cli.live import finished
from pipeline.cli.usage import Device, Usage

WINDOW_S = 4.0  # over which rates are taken: calm figures, and no stale ones
MOST_LOOKS = 16
HISTORY = 600  # rates, one a look


@dataclass(frozen=True)
class Look:
    """One look at a run: its answer to Status, when that came (monotonic seconds), what its workers use."""

    answer: Mapping[str, Any]
    at: float
    usages: Mapping[int, Usage] = field(default_factory=dict)
    devices: Sequence[Device] = ()


@dataclass(frozen=True)
class WorkerFigures:
    """One worker. `cpu` is a share of one core, `rate` in frames/s, memory in bytes; None: not known (yet)."""

    number: int
    pid: int
    state: str
    rate: float | None
    cpu: float | None
    memory: int | None
    gpu_share: float | None
    gpu_memory: int | None


@dataclass(frozen=True)
class StageFigures:
    """One stage. Times in milliseconds; `load` is the share of their time in which its workers work, 0 to 1."""

    name: str
    wanted: int
    scalable: bool
    autoscale: str
    queue: int
    rate: float | None
    load: float | None
    busy: Mapping[str, float]
    wait: Mapping[str, float]
    frames: int
    dropped: int
    failures: int
    restarts: int
    workers: tuple[WorkerFigures, ...]


@dataclass(frozen=True)
class Figures:
    """A run at the time of its latest look; `history` holds the rates until then, the latest last."""

    answer: Mapping[str, Any]
    rate: float | None
    history: tuple[float, ...]
    stages: tuple[StageFigures, ...]
    devices: Sequence[Device]

    @property
    def slowest(self) -> StageFigures | None:
        """The stage that is busy for most of the time."""
        known = [stage for stage in self.stages if stage.load is not None]
        return max(known, key=lambda stage: stage.load or 0.0, default=None)


class Trend:
    """Takes looks as they come, keeps the latest few, and makes figures of them."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque(maxlen=MOST_LOOKS)
        self._history: deque[float] = deque(maxlen=HISTORY)

    def add(self, look: Look) -> Figures:
        previous = self._looks[-1] if self._looks else None
        self._looks.append(look)
        while len(self._looks) > 2 and look.at - self._looks[0].at > WINDOW_S:
            self._looks.popleft()
        if previous is not None:
            latest = _rate([previous, look], lambda one: finished(one.answer))
            self._history.append(latest or 0.0)
        rate = self._rate(lambda one: finished(one.answer))
        stages = tuple(self._stage(name) for name in look.answer["stages"])
        return Figures(look.answer, rate, tuple(self._history), stages, look.devices)

    def _rate(self, count: Callable[[Look], float | None]) -> float | None:
        return _rate(self._looks, count)

    def _stage(self, name: str) -> StageFigures:
        told = self._looks[-1].answer["stages"][name]
        rate = self._rate(lambda one: one.answer["stages"].get(name, {}).get("frames"))
        busy = self._rate(lambda one: one.answer["stages"].get(name, {}).get("busy_s"))
        ready = sum(worker["state"] == "ready" for worker in told["workers"])
        bounds = told["autoscale"]
        return StageFigures(
            name=name,
            wanted=told["wanted"],
            scalable=told["scalable"],
            autoscale=f"{bounds['min']}-{bounds['max']}" if bounds else "",
            queue=told["queue"],
            rate=rate,
            load=None if busy is None or not ready else min(1.0, busy / ready),
            busy=told["busy_ms"],
            wait=told["wait_ms"],
            frames=told["frames"],
            dropped=told["dropped"] + told["missed"],
            failures=told["failures"],
            restarts=told["restarts"],
            workers=tuple(self._worker(name, worker) for worker in told["workers"]),
        )

    def _worker(self, stage: str, told: Mapping[str, Any]) -> WorkerFigures:
        pid = told["pid"]

        def frames(look: Look) -> float | None:
            workers = look.answer["stages"].get(stage, {}).get("workers", ())
            return next((one["frames"] for one in workers if one["pid"] == pid), None)

        def cpu_seconds(look: Look) -> float | None:
            return look.usages[pid].cpu_seconds if pid in look.usages else None

        now = self._looks[-1].usages.get(pid)
        return WorkerFigures(
            number=told["number"],
            pid=pid,
            state=told["state"],
            rate=self._rate(frames),
            cpu=self._rate(cpu_seconds),
            memory=now.memory if now else None,
            gpu_share=now.gpu_share if now else None,
            gpu_memory=now.gpu_memory if now else None,
        )


def _rate(looks: Sequence[Look] | deque[Look], count: Callable[[Look], float | None]) -> float | None:
    """How fast a counter grew, a second: from the first look that knows it to the latest. None: too few know it."""
    now = looks[-1]
    latest = count(now)
    for look in looks:
        first = count(look)
        if latest is not None and first is not None and look.at < now.at:
            return max(0.0, (latest - first) / (now.at - look.at))
    return None
