"""Foresight: when each worker will be done with its frame, so that the next one can be there by then. Knows no clock.

A worker that is granted a frame only when it holds none waits for a whole hop; one that is granted frames long before
gets stale ones, or keeps them from workers that are idle. So the next frame is granted a moment (LEAD_S) before the end
of the one at hand, which is expected after as long as the stage's last frames usually took. A stage that takes now a
short time and now a long one (a network at every second frame, say) cannot be foreseen: what is granted before the end
of a long one gets old in the worker's hands, where nothing newer can take its place. There a hop is the smaller loss.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Container

LEAD_S = 0.002  # several hops; no frame gets older than that by it, as long as a stage takes what it usually takes
LATE_S = 0.02  # after its expected end nobody knows any more when a worker will be done: it may hang
USUAL = 9  # frames
STEADY = 20  # frames, none of which took longer than is usual by LATE_S


class Foresight:
    """Expected ends, by worker. All times are of one clock, in seconds."""

    def __init__(self, stages: int) -> None:
        self._took: list[deque[float]] = [deque(maxlen=STEADY) for _ in range(stages)]
        self._due: dict[int, float] = {}

    def began(self, worker: int, stage: int, now: float) -> None:
        """It works on a frame from now on. Nothing is expected of a stage that has not done any, or is not steady."""
        if not (took := self._took[stage]):
            return
        last = sorted(itertools.islice(reversed(took), USUAL))
        usual = last[len(last) // 2]
        if max(took) <= usual + LATE_S:
            self._due[worker] = now + usual - LEAD_S

    def ended(self, worker: int, stage: int, busy: float) -> None:
        """It has done a frame, in so many seconds."""
        self._took[stage].append(busy)
        self._due.pop(worker, None)

    def nearly_done(self, now: float) -> set[int]:
        """Those that need their next frame now."""
        return {worker for worker, due in self._due.items() if due <= now <= due + LEAD_S + LATE_S}

    def until_next(self, now: float, living: Container[int]) -> float | None:
        """Seconds until one more is nearly done; None: nobody is at work. The dead are forgotten."""
        for worker in [worker for worker in self._due if worker not in living]:
            del self._due[worker]
        return min((due - now for due in self._due.values() if due > now), default=None)
