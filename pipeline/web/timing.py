"""Timing: what the time stamps of a WebRTC client are worth: its rate, and times that only go forward."""

from __future__ import annotations

from collections.abc import Callable

CLOCK = 90_000  # ticks a second, as RTP has it
ASTRAY = 2 * CLOCK
USUAL = (10.0, 12.0, 12.5, 15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0)


class Rate:
    """Frames a second, by the stamps of those that were seen."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self._seen = 0

    def see(self, pts: int | None) -> None:
        """A frame's pts in 1/90000 s."""
        if pts is not None:
            self._first = pts if self._first is None else self._first
            self._last, self._seen = pts, self._seen + 1

    @property
    def value(self) -> float:
        """The nearest usual rate where one is within 6 %; 30 where too little was seen."""
        span = self._last - self._first if self._first is not None else 0
        if self._seen < 3 or span <= 0:
            return 30.0
        rate = (self._seen - 1) * CLOCK / span
        near = min(USUAL, key=lambda usual: abs(usual - rate))
        return near if abs(near - rate) <= 0.06 * near else round(rate, 3)


class Ticks:
    """A client's stamps as times since the first client, in 1/90000 s; they grow, whatever the client stamps, and stay
    within two seconds of its arrival."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._offset: int | None = None
        self._last = -1

    def of(self, pts: int | None) -> int:
        """The time of a frame that has just come."""
        arrived = int(self._now() * CLOCK)
        if pts is None:
            self._last = max(self._last + 1, arrived)
            return self._last
        if self._offset is None or abs(pts + self._offset - arrived) > ASTRAY:
            self._offset = arrived - pts
        self._last = max(self._last + 1, pts + self._offset)
        return self._last
