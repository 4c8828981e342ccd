"""Which rate does a pipeline hold, and how late is a frame at each? Frames come as from a camera, at stepped rates.

One run: the source plays the clip from memory (see `benchmarks.replay`), at a rate that changes when a step is over.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.replay import END, Pace, record
from benchmarks.results import of_run
from benchmarks.steps import MOST_STEPS, Step, highest, next_rate
from benchmarks.variants import variant
from benchmarks.watch import Queues, Reading, Stretch, mean_s
from pipeline.config import Plan
from pipeline.supervisor import Phase, Supervisor

SETTLE_S = 0.6  # after a change of rate; and two frames
FRAMES = 100  # that a step should have, so that one lost is one of a hundred
SHORTEST_S, LONGEST_S = 3.0, 10.0
PARTS = 3  # of a step, to see whether the latency grows
TRIES = 2  # of a step that did not hold: the machine may have been busy with something else

Told = Callable[[str], None]


def measure(plan: Plan, expected: float, seconds: float, folder: Path, told: Told = lambda _: None) -> dict[str, Any]:
    """Load the plan in steps, for at most so many seconds; `expected`: frames/s that it may reach.

    Frames that come too fast drop, as those of a camera, unless the configuration says `on_full`. The folder is for
    what is played. Raises RunFailed, RunError."""
    record(plan, folder)
    pace = Pace(folder)
    try:
        source = ("benchmarks.replay:Replay", {"folder": str(folder)})
        loaded = variant(plan, folder, source=source)
        steps = Steps([built.name for built in plan.stages], expected, seconds, pace, told)
        of_run(loaded, tick=steps.tick)
    finally:
        pace.close()
    return {
        "on_full": loaded.on_full,
        "highest_fps": round(highest(steps.tried), 2),
        "steps": steps.done,
        "source": "played from memory: what it takes to decode the input is not in it",
    }


class Steps:
    """Drives one run from load to load."""

    def __init__(self, stages: list[str], expected: float, seconds: float, pace: Pace, told: Told) -> None:
        self.done: list[dict[str, Any]] = []
        self.tried: list[tuple[float, bool]] = []
        self._queues = Queues({name: Counter() for name in stages})
        self._stages = stages
        self._expected = expected
        self._pace = pace
        self._told = told
        self._seconds = seconds
        self._until: float | None = None
        self._rate = 0.0
        self._try = 0
        self._readings: list[Reading] = []
        self._next = 0.0  # when the next reading is due

    def tick(self, supervisor: Supervisor) -> None:
        if supervisor.phase is not Phase.RUNNING or self._pace.rate == END:
            return
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
            self._go_on(now)
        if self._readings:
            self._queues.look(supervisor)
        if now >= self._next:
            self._read(supervisor, now)

    def _read(self, supervisor: Supervisor, now: float) -> None:
        if not self._readings:
            self._queues.clear()
        self._readings.append(Reading.of(supervisor))
        self._next = now + self._length / PARTS
        if len(self._readings) > PARTS:
            self._judge()
            self._go_on(now)

    @property
    def _length(self) -> float:
        return min(max(SHORTEST_S, FRAMES / self._rate), LONGEST_S, max(SHORTEST_S, self._seconds / 6))

    def _judge(self) -> None:
        """What became of the step that is over; a second try of the same one takes the place of the first."""
        parts = [Stretch(*pair) for pair in zip(self._readings, self._readings[1:], strict=False)]
        whole = Stretch(self._readings[0], self._readings[-1])
        early, late = (part.latency.quantile(0.5) for part in (parts[0], parts[-1]))
        trouble = Step(self._rate, whole.seconds, whole.accepted, whole.lost, early, late).trouble
        row = self._row(whole, trouble)
        if self._try > 1:
            self.done[-1] = row
        else:
            self.done.append(row)
        if trouble and self._try < TRIES:
            return
        self.tried.append((self._rate, not trouble))

    def _row(self, whole: Stretch, trouble: str) -> dict[str, Any]:
        return {
            "rate_fps": round(self._rate, 2),
            "holds": not trouble,
            "trouble": trouble,
            "tries": self._try,
            "input_fps": round(whole.accepted / whole.seconds, 2),
            "output_fps": round(whole.fps, 2),
            "dropped": whole.dropped,
            "latency_ms": {"mean": round(1000 * mean_s(whole.latency), 3), **whole.latency.summary_ms()},
            "hop_us": {key: round(1000 * ms, 1) for key, ms in whole.hop.summary_ms().items()},
            "stages": {
                name: {**whole.stage(name), "queue": self._queues.summary(name)}
                for name in self._stages[1:]  # the first one only waits until a frame is due
            },
        }

    def _go_on(self, now: float) -> None:
        """To the same rate again, to the next one, or to the end."""
        again = self._try == 1 and bool(self.done) and not self.done[-1]["holds"]
        rate = self._rate if again else next_rate(self._expected, self.tried)
        self._try = 2 if again else 1
        self._readings = []
        assert self._until is not None
        if rate is None or (self.done and now + SETTLE_S + self._length > self._until):
            self._pace.set(END)
            return
        self._rate = rate
        self._pace.set(rate)
        self._next = now + SETTLE_S + 2 / rate
        left = max(0.0, self._until - now)
        self._told(f"load {rate:.1f} frames/s (step {len(self.tried) + 1} of at most {MOST_STEPS}, {left:.0f} s left)")
