"""Ladder: how well a frame of a live stream may be filled in the time that there is; knows no clock and no picture.

The levels, from the best to the last resort:

    model    the model sees each hole at its full size
    small    the model sees it at half the size: a quarter of the pixels, and softer
    plate    what the plate knew, and the rest smooth from around it (push-pull)
    telea    the rest by OpenCV's fast marching
    solid    the rest in one colour, the mean of what is around it

That is the order of quality, and mostly that of cost. Measured on the holes of the project's own clips (crops of 40,000
to 70,000 pixels, one core, bench of 2026-11): a network takes 100 to 1000 ms, push-pull 1.0 ms at 15.9 to 21.5 dB,
Telea 1.6 ms at 15.0 to 20.6 dB, one colour 0.2 ms. Push-pull is both better and quicker than Telea, so that `telea` is
taken only on a machine where it turns out the quicker one: what a level costs is learned while it works, and taken is
the best one that is in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum

CLIMB = 30  # frames in a row that must have had room before the next better level is tried
PATIENCE = 16  # by which that grows where a climb turned out to have been too early
KEPT = 24  # durations of each level that are remembered
QUANTILE = 0.9  # of them within which the next one is expected
FORGET = 60  # frames after which half of what is known of a better level is forgotten
ROOM = 0.9  # share of the time that a better level may need


class Level(IntEnum):
    """How well the rest of the holes is filled."""

    MODEL = 0
    SMALL = 1
    PLATE = 2
    TELEA = 3
    SOLID = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Price:
    """What a level costs: seconds as estimated, times a factor that is learned."""

    def __init__(self) -> None:
        self._factors: deque[float] = deque(maxlen=KEPT)
        self._least: float | None = None  # the best that was ever seen

    def learn(self, estimate: float, seconds: float) -> None:
        """It took `seconds` where `estimate` was expected of an idle machine."""
        if estimate > 0:
            factor = seconds / estimate
            self._factors.append(factor)
            self._least = factor if self._least is None else min(self._least, factor)

    def forget(self) -> None:
        """The machine may be less busy by now: drop the older half of what is remembered, and at last all."""
        for _ in range(-(-len(self._factors) // 2)):
            self._factors.popleft()

    def expected(self, estimate: float) -> float:
        """Seconds that nine of ten such frames do not exceed; at the best where nothing is remembered."""
        if not self._factors:
            return estimate * (1.0 if self._least is None else self._least)
        found = sorted(self._factors)
        return estimate * found[min(len(found) - 1, int(QUANTILE * len(found)))]


class Ladder:
    """Goes down at once when the next frame would be late, and up by one level when so many in a row would not have
    been; a climb that is taken back within as many frames doubles their number for the next one."""

    def __init__(self, levels: Sequence[Level] = tuple(Level)) -> None:
        """`levels`: those that there are, from the best on."""
        self._levels = tuple(levels)
        self._prices = {level: Price() for level in self._levels}
        self._at = 0
        self._room = 0  # frames in a row that would have had time for the next better level
        self._needed = CLIMB
        self._climbed = 0  # frames since the last climb; 0 where it has proved itself
        self._frames = 0

    @property
    def level(self) -> Level:
        return self._levels[self._at]

    def choose(self, budget: float, estimates: Mapping[Level, float]) -> Level:
        """The level for the next frame, which has `budget` seconds; `estimates`: what it would cost on an idle machine
        at each level, in seconds."""
        expected = [self._prices[level].expected(estimates[level]) for level in self._levels]
        self._age()
        if expected[self._at] > budget:
            last = len(expected) - 1
            self._descend(next((at for at in range(self._at, last) if expected[at] <= budget), last))
        elif self._at and min(expected[: self._at]) <= ROOM * budget:
            self._wait(expected, budget)
        else:
            self._room = 0
        return self.level

    def learn(self, estimate: float, seconds: float) -> None:
        """The frame has been done at `level`, in so many seconds."""
        self._prices[self.level].learn(estimate, seconds)

    def _descend(self, to: int) -> None:
        if self._climbed:
            self._needed = min(2 * self._needed, PATIENCE * CLIMB)
        self._at, self._room, self._climbed = to, 0, 0

    def _wait(self, expected: Sequence[float], budget: float) -> None:
        self._room += 1
        if self._room < self._needed:
            return
        nearest = max(at for at in range(self._at) if expected[at] <= ROOM * budget)
        self._at = next(at for at in range(self._at) if expected[at] <= expected[nearest])
        self._room, self._climbed = 0, 1

    def _age(self) -> None:
        """What better levels cost is known from long ago, and a climb that lasts has not been too early."""
        self._frames += 1
        if self._frames % FORGET == 0:
            for level in self._levels[: self._at]:
                self._prices[level].forget()
        if self._climbed:
            self._climbed += 1
            if self._climbed > self._needed:
                self._climbed, self._needed = 0, CLIMB
