"""Pace: how many seconds a worker has for a frame, from how they come to it; knows no clock of its own."""

from __future__ import annotations

from collections import deque

RESERVE = 0.85  # share of the time to the next frame that a frame may take
IDLE = 0.05  # of the stream's period: who waits for so long waits for a frame, not for a message
STRAINED = 0.9  # of what it has just taken is there for a worker that never waits
LONGEST = 2.0  # seconds: a stream that stands still gives nobody all the time in the world
LOOKED_AT = 9  # frames


class Pace:
    """All times are of one monotonic clock, in seconds.

    It need not know how many workers share the work: one that has to wait for its next frame has had time to spare, and
    the time from frame to frame is what it has for each, be it that others take their share or that fewer frames come
    than the stream has. One that never waits has less than it takes; but never less than the stream's own period."""

    def __init__(self, period: float) -> None:
        """`period`: from frame to frame of the stream."""
        self._period = self._budget = period
        self._between: deque[float] = deque(maxlen=LOOKED_AT)
        self._begun: float | None = None
        self._ended: float | None = None

    def begin(self, now: float) -> float:
        """A frame has come. Returns what it may take: a reserve is left for what is not work."""
        if self._begun is not None and self._ended is not None:
            self._saw(between=now - self._begun, waited=now - self._ended)
        self._begun = now
        return RESERVE * self._budget

    def end(self, now: float) -> None:
        """The frame is done."""
        self._ended = now

    def _saw(self, *, between: float, waited: float) -> None:
        if waited < IDLE * self._period:
            self._between.clear()
            self._budget = max(self._period, min(self._budget, STRAINED * between))
            return
        self._between.append(min(between, LONGEST))
        self._budget = max(self._period, sorted(self._between)[len(self._between) // 2])
