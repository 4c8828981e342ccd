"""Stamps: the time of each frame of a sender: by the agreed rate, by the stream's own clock, or by when it came."""

from __future__ import annotations

from fractions import Fraction

from stages.ingest.arrival import TIME_BASE, Arrival

JUMP_S = 10.0  # a stream's clock that goes on by more has begun anew


class Stamps:
    """Stamps in ticks of TIME_BASE, each larger than the one before. A sender begins when he comes: what was between
    him and the one before is a gap; from then on his own clock counts, however fast he sends."""

    def __init__(self, arrival: Arrival, rate: Fraction | None) -> None:
        self._arrival = arrival
        self._step = None if rate is None else 1 / (rate * TIME_BASE)
        self._last = -1
        self._start: Fraction | None = None  # ticks of this sender's first frame
        self._number = 0
        self._zero = self._before = 0.0  # seconds on this sender's clock: of the first frame, of the last one

    def resume(self, frames: int, pts: int) -> None:
        """Go on after a frame of an earlier incarnation."""
        self._arrival.resume(frames, pts)
        self._last = pts if frames else -1

    def begin(self) -> None:
        """Another sender."""
        self._start = None

    def raw(self, came: float) -> int:
        """Of a picture that came then, on the monotonic clock."""
        if self._step is None:
            return self._forward(self._arrival.stamp(at=came))
        if self._start is None:
            self._start, self._number = Fraction(self._later(came, self._step)), 0
        ticks = self._start + self._number * self._step
        self._number += 1
        return self._forward(round(ticks))

    def described(self, seconds: float | None, came: float, step: Fraction) -> int:
        """Of a picture at `seconds` on the stream's clock (None: it has none); `step`: ticks of a frame as a rule."""
        if seconds is None:
            return self._forward(self._arrival.stamp(at=came))
        if self._start is None or not self._before <= seconds <= self._before + JUMP_S:
            self._start, self._zero = Fraction(self._later(came, step)), seconds
        self._before = seconds
        return self._forward(round(self._start + Fraction(seconds - self._zero) / TIME_BASE))

    def _later(self, came: float, step: Fraction) -> int:
        """When a sender begins: now, but a frame after the last one at least."""
        now = self._arrival.stamp(at=came)
        return now if self._last < 0 else max(now, self._last + round(step))

    def _forward(self, ticks: int) -> int:
        self._last = max(self._last + 1, ticks)
        return self._last
