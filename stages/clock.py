"""Clock: time stamps that only go forward, whatever the file says."""

from __future__ import annotations

from fractions import Fraction


class Clock:
    """Passes time stamps through; a missing, repeated or backward one becomes the last one plus a nominal frame."""

    def __init__(self, step: int) -> None:
        self.step = step  # ticks of a nominal frame
        self.last: int | None = None
        self.repaired = 0

    def tick(self, pts: int | None) -> int:
        """The time stamp to use for a picture stamped `pts`, in ticks."""
        if self.last is None:
            self.last = 0 if pts is None else pts
            self.repaired += pts is None
        elif pts is None or pts <= self.last:
            self.last += self.step
            self.repaired += 1
        else:
            self.last = pts
        return self.last


def nominal_step(rate: Fraction, time_base: Fraction) -> int:
    """Ticks of `time_base` seconds in one frame at `rate` frames/s; at least one."""
    return max(1, round(1 / (rate * time_base)))
