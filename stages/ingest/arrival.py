"""Arrival: time stamps of a live source, on one clock that never goes back, however often the source does."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

TIME_BASE = Fraction(1, 90_000)
TOLERANCE_S = 10.0  # a playlist's pictures come in bursts of a whole segment
BACK_S = 0.5  # what goes back by more has begun anew, as a film that is sent in a loop; by less it is a slip


class Arrival:
    """Passes a stream's own times on, laid onto the clock of this machine: 0 is the first picture.

    A stream without times, or whose times leave this machine's clock by more than TOLERANCE_S, is stamped by when its
    pictures come; one that goes back is laid anew onto this machine's clock. Every stamp is in ticks of TIME_BASE
    and larger than the one before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._zero: float | None = None  # this machine's clock at stamp 0
        self._offset: float | None = None  # seconds from the stream's clock to that of the stamps
        self._before = float("-inf")  # the stream's own time of its last picture
        self._last = -1
        self.repaired = 0  # how often the stream's own time could not be used

    def stamp(self, seconds: float | None = None, *, at: float | None = None) -> int:
        """Ticks for a picture that the stream puts at `seconds` and that came `at` (this machine's clock; now)."""
        at = self._clock() if at is None else at
        if self._zero is None:
            self._zero = at
        self._last = max(self._last + 1, round(self._time(seconds, at - self._zero) / TIME_BASE))
        return self._last

    def _time(self, seconds: float | None, came: float) -> float:
        if seconds is None:
            return came
        if self._offset is None:
            self._offset = came - seconds
        elif seconds < self._before - BACK_S:
            self._offset = max(came, float(self._last * TIME_BASE)) - seconds
            self.repaired += 1
        elif abs(seconds + self._offset - came) > TOLERANCE_S:
            self._offset = came - seconds
            self.repaired += 1
        self._before = seconds
        return seconds + self._offset

    def reconnected(self) -> None:
        """What comes now has a clock of its own: it is laid anew onto this machine's."""
        self._offset, self._before = None, float("-inf")

    def resume(self, frames: int, pts: int) -> None:
        """Go on after a stamp of an earlier incarnation: one tick later at least."""
        if frames:
            self._last = pts
            self._zero = self._clock() - float(pts * TIME_BASE)
            self._offset = None
