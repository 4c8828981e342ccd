"""Watch: what a run costs while it goes on, stage by stage: times, queues, waiting, CPU. Looks on, changes nothing.

Called at every turn of the supervisor's loop, it reads the books at two moments between which frames flowed; loading,
filling and emptying are outside. CPU is read by process id, so the stages need not know that they are measured.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pipeline.metrics import Histogram
from pipeline.supervisor import Phase, Supervisor

SAMPLE_S = 0.01  # between two looks at the queues
READING_S = 0.2  # between two readings


@dataclass(frozen=True)
class Reading:
    """The books at one moment. All of it only grows; seconds."""

    at: float
    accepted: int
    output: int
    lost: int
    control_s: float
    latency: Histogram
    hop: Histogram
    busy: Mapping[str, Histogram]
    wait: Mapping[str, Histogram]
    frames: Mapping[str, int]
    dropped: Mapping[str, int]
    cpu: Mapping[tuple[str, int], tuple[float, float]]  # by stage and process: CPU seconds, and those it was held up

    @classmethod
    def of(cls, supervisor: Supervisor) -> Reading:
        meter, ledger = supervisor.books.meter, supervisor.ledger
        return cls(
            at=time.monotonic(),
            accepted=ledger.accepted,
            output=ledger.fates["output"],
            lost=sum(ledger.fates.values()) - ledger.fates["output"],
            control_s=time.process_time(),
            latency=_copy(meter.latency),
            hop=_copy(meter.hop),
            busy={name: _copy(stage.busy) for name, stage in meter.stages.items()},
            wait={name: _copy(stage.wait) for name, stage in meter.stages.items()},
            frames={name: stage.frames for name, stage in meter.stages.items()},
            dropped=dict(ledger.dropped),
            cpu=_cpu(supervisor),
        )


@dataclass(frozen=True)
class Stretch:
    """What happened between two readings."""

    begun: Reading
    ended: Reading

    @property
    def seconds(self) -> float:
        return self.ended.at - self.begun.at

    @property
    def accepted(self) -> int:
        return self.ended.accepted - self.begun.accepted

    @property
    def lost(self) -> int:
        return self.ended.lost - self.begun.lost

    @property
    def fps(self) -> float:
        """Frames/s that came out."""
        return (self.ended.output - self.begun.output) / self.seconds if self.seconds > 0 else 0.0

    @property
    def control_ms(self) -> float:
        """CPU of the supervisor for a frame that came in."""
        return 1000 * (self.ended.control_s - self.begun.control_s) / max(1, self.accepted)

    @property
    def dropped(self) -> dict[str, int]:
        found = Counter(self.ended.dropped)
        found.subtract(self.begun.dropped)
        return dict(+found)

    @property
    def latency(self) -> Histogram:
        return _since(self.ended.latency, self.begun.latency)

    @property
    def hop(self) -> Histogram:
        return _since(self.ended.hop, self.begun.hop)

    def stage(self, name: str) -> dict[str, Any]:
        """Times of one stage, in ms for a frame. `held_up`: it was ready to run, but no core was free."""
        busy = _since(self.ended.busy[name], self.begun.busy[name])
        frames = max(1, self.ended.frames[name] - self.begun.frames[name])
        cpu, held_up = self._of_processes(name)
        return {
            "service_ms": {"mean": round(1000 * mean_s(busy), 3), **busy.summary_ms()},
            "wait_ms": _since(self.ended.wait[name], self.begun.wait[name]).summary_ms(),
            "cpu_ms": round(1000 * cpu / frames, 3),
            "held_up_ms": round(1000 * held_up / frames, 3),
        }

    def _of_processes(self, name: str) -> tuple[float, float]:
        both = [key for key in self.ended.cpu if key[0] == name and key in self.begun.cpu]
        return (
            sum(self.ended.cpu[key][0] - self.begun.cpu[key][0] for key in both),
            sum(self.ended.cpu[key][1] - self.begun.cpu[key][1] for key in both),
        )


@dataclass
class Queues:
    """How many frames waited for each stage, looked at every `SAMPLE_S`."""

    lengths: dict[str, Counter[int]]
    _next: float = field(default=0.0)

    def look(self, supervisor: Supervisor) -> None:
        if (now := time.monotonic()) >= self._next:
            self._next = now + SAMPLE_S
            for post in supervisor.ledger.posts:
                self.lengths[post.rule.name][len(post.ready)] += 1

    def clear(self) -> None:
        for lengths in self.lengths.values():
            lengths.clear()

    def summary(self, name: str) -> dict[str, float]:
        """Frames: on the average, and at most."""
        lengths = self.lengths[name]
        looks = sum(lengths.values())
        mean = sum(length * number for length, number in lengths.items()) / max(1, looks)
        return {"mean": round(mean, 2), "most": max(lengths, default=0)}


class Watch:
    """Looks on at one run from the moment when `warm` frames are out until the last one is."""

    def __init__(self, stages: list[str], warm: int) -> None:
        self.queues = Queues({name: Counter() for name in stages})
        self.begun: Reading | None = None
        self.ended: Reading | None = None
        self._warm = warm
        self._output = 0

    def tick(self, supervisor: Supervisor) -> None:
        output = supervisor.ledger.fates["output"]
        if supervisor.phase is Phase.RUNNING and self.begun and supervisor.ledger.intake_open:
            self.queues.look(supervisor)
        if output == self._output or output < self._warm:
            return
        self._output = output  # readings fall on the coming out of a frame: a rate is of whole frames
        if self.begun is None:
            self.begun = Reading.of(supervisor)
        elif supervisor.ledger.idle or self.ended is None or time.monotonic() > self.ended.at + READING_S:
            self.ended = Reading.of(supervisor)

    @property
    def stretch(self) -> Stretch | None:
        """None where too few frames came out."""
        return Stretch(self.begun, self.ended) if self.begun and self.ended else None


def mean_s(histogram: Histogram) -> float:
    """The mean of what was added, in seconds; 0 where nothing was."""
    return histogram.seconds / histogram.total if histogram.total else 0.0


def _copy(histogram: Histogram) -> Histogram:
    return Histogram(Counter(histogram.counts), histogram.total, histogram.seconds)


def _since(now: Histogram, then: Histogram) -> Histogram:
    counts = Counter(now.counts)
    counts.subtract(then.counts)
    return Histogram(+counts, now.total - then.total, now.seconds - then.seconds)


def _cpu(supervisor: Supervisor) -> dict[tuple[str, int], tuple[float, float]]:
    found = {}
    for member in supervisor.crew.members.values():
        with suppress(psutil.NoSuchProcess):  # it has died: the frames of its successor count
            times = psutil.Process(member.process.pid).cpu_times()
            pid = member.process.pid
            found[supervisor.plan.stages[member.stage].name, pid] = (times.user + times.system, _held_up(pid))
    return found


def _held_up(pid: int) -> float:
    """Seconds that the main thread of a process waited for a core; 0 where this kernel does not say."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0
