"""Backoff: how long to wait before the next try; knows no clock and no network."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.25
LONGEST_S = 2.0


class Backoff:
    """Waits that double from `first` up to `longest` seconds. Each is shortened by up to a half, by chance, so that
    many who lost the same server do not come back at the same moment."""

    def __init__(
        self, first: float = FIRST_S, longest: float = LONGEST_S, *, chance: Callable[[], float] = random.random
    ) -> None:
        self._first, self._longest = first, longest
        self._chance = chance
        self._upper = first

    def next(self) -> float:
        """Seconds to wait now; never more than `longest`."""
        upper = min(self._upper, self._longest)
        self._upper = min(2 * upper, self._longest)
        return upper * (1 - self._chance() / 2)

    def reset(self) -> None:
        """It worked: the next wait is a short one again."""
        self._upper = self._first
