"""Counters and latency histograms of a run, bounded whatever its length. Knows no clock of its own."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

_STEP = math.log(1.02)  # neighbouring buckets differ by 2 %


@dataclass(slots=True)
class Histogram:
    """Durations in seconds, in buckets of 2 %; `seconds` is their sum."""

    counts: Counter[int] = field(default_factory=Counter)
    total: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[math.floor(math.log(max(seconds, 1e-9)) / _STEP)] += 1
        self.total += 1
        self.seconds += seconds

    def quantile(self, share: float) -> float:
        """Seconds, within 2 %; 0 where nothing was added."""
        wanted, seen = share * self.total, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return math.exp((bucket + 0.5) * _STEP)
        return 0.0

    def summary_ms(self) -> dict[str, float]:
        return {f"p{p}": round(1000 * self.quantile(p / 100), 3) for p in (50, 95, 99)}


@dataclass(slots=True)
class StageMeter:
    """What one stage did."""

    frames: int = 0
    restarts: int = 0
    failures: int = 0
    state: str = ""  # what it is doing, where that is not its usual work
    busy: Histogram = field(default_factory=Histogram)
    wait: Histogram = field(default_factory=Histogram)
    latency: Histogram = field(default_factory=Histogram)  # sinks: from in to out
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class RunMeter:
    """What a run did."""

    stages: dict[str, StageMeter]
    latency: Histogram = field(default_factory=Histogram)
    hop: Histogram = field(default_factory=Histogram)
    first_in: float = 0.0
    last_out: float = 0.0

    @property
    def seconds(self) -> float:
        """From the first frame in to the last one out."""
        return max(0.0, self.last_out - self.first_in)

    @property
    def errors(self) -> int:
        return sum(sum(meter.errors.values()) for meter in self.stages.values())
