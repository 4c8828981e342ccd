"""Pace: holds pictures back until they are due, for sources that give them faster than they are to be seen."""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_S = 10.0


class Pace:
    """Lays a stream's clock onto this machine's at its first picture; what is late is not held back."""

    def __init__(self, sleep: Callable[[float], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._sleep = sleep
        self._clock = clock
        self._zero: float | None = None  # this machine's clock where the stream's is 0

    def wait(self, seconds: float) -> None:
        """Until the picture that the stream puts at `seconds` is due."""
        now = self._clock()
        if self._zero is None or abs(self._zero + seconds - now) > JUMP_S:
            self._zero = now - seconds
        if (early := self._zero + seconds - now) > 0:
            self._sleep(early)
