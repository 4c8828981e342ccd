"""Throughput: how many kbit/s a stream takes, by its own bytes and stamps, and how many this machine moves in all."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 1.0
EVERY = 30  # pictures from one question after the system's counters to the next
AT_LEAST_S = 1.0  # between two of its counts: what comes and goes in bursts says little over less
LOOPBACK = ("lo", "lo0")  # what stays within the machine takes nothing of its link


class Throughput:
    """Of one stream, over the second before its last picture."""

    def __init__(self, rate: float) -> None:
        """`rate`: pictures a second."""
        self._period = 1 / rate
        self._sizes: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._first = 0.0

    def add(self, size: int, seconds: float) -> float:
        """A picture of `size` bytes that the stream puts at `seconds`. Returns kbit/s; of what there is, at first."""
        if not self._sizes or seconds <= self._sizes[-1][0]:  # it has begun anew
            self._sizes.clear()
            self._bytes, self._first = 0, seconds
        self._sizes.append((seconds, size))
        self._bytes += size
        # A picture lasts until the next one: so a second holds as many as the stream has, neither more nor less.
        begin = seconds + self._period - WINDOW_S
        while self._sizes[0][0] < begin - self._period / 2:
            self._bytes -= self._sizes.popleft()[1]
        lasted = min(WINDOW_S, seconds + self._period - self._first)
        return 8 * self._bytes / lasted / 1000


class SystemThroughput:
    """Of all that the machine's network interfaces send and receive, looked at every so many pictures."""

    def __init__(
        self, counters: Callable[[], int] | None = None, clock: Callable[[], float] = time.monotonic, every: int = EVERY
    ) -> None:
        """`counters` gives the bytes moved until now; `clock` seconds."""
        self._counters = counters or moved
        self._clock = clock
        self._every = every
        self._pictures = 0
        self._before: tuple[float, int] | None = None
        self._kbps = math.nan

    def picture(self) -> float:
        """One more picture is done. Returns kbit/s as last known; NaN before it is."""
        self._pictures += 1
        if self._before is None or self._pictures >= self._every:
            self._ask()
        return self._kbps

    def _ask(self) -> None:
        now = self._clock()
        if self._before is not None:
            seconds = now - self._before[0]
            if seconds < AT_LEAST_S:
                return
            # Counters that begin anew, as of an interface that was taken down, tell nothing this time.
            if (difference := (count := self._counters()) - self._before[1]) >= 0:
                self._kbps = 8 * difference / seconds / 1000
            self._before = now, count
        else:
            self._before = now, self._counters()
        self._pictures = 0


def moved() -> int:
    """Bytes that this machine's interfaces have sent and received, without those that never left it."""
    import psutil

    counts = psutil.net_io_counters(pernic=True)
    return sum(count.bytes_sent + count.bytes_recv for name, count in counts.items() if name not in LOOPBACK)
