"""Autoscaler: how many workers a stage should have, from its backlog. Pure: times and counts come from outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pipeline.plan import Autoscale

UP_AFTER = 1.0  # seconds of backlog with everybody busy
DOWN_AFTER = 5.0  # seconds in which one worker fewer would have been enough
SETTLE = 2.0  # seconds after a change before the next one
RETRY = 60.0  # seconds until the next try, where one worker more could not be had or the user wanted fewer
ENOUGH = 0.8  # of the time of those who would be left


class Autoscaler:
    """One worker more when all have been busy and frames waited; one fewer when the others could do it with ease.

    What makes it grow never makes it shrink again: between full use and ENOUGH of one worker fewer nothing changes."""

    def __init__(self, bounds: Autoscale) -> None:
        self.bounds = bounds
        self._seen: deque[tuple[float, int, int]] = deque()  # when, how many waited, how many worked
        self._changed = self._no_more_until = float("-inf")
        self._last = 0  # as many as it wanted

    def wanted(self, now: float, workers: int, ready: int, queue: int, busy: int) -> int:
        """How many workers there should be. `workers`: as many are wanted until now, `ready` of them work already;
        `queue` frames wait for the stage, `busy` workers hold one."""
        if workers < self._last:
            self._no_more_until = now + RETRY
        self._last = workers
        if ready < workers or now - self._changed < SETTLE:  # the last change has not shown yet
            self._seen.clear()
            return workers
        self._seen.append((now, queue, busy))
        while self._seen and now - self._seen[0][0] > DOWN_AFTER:
            self._seen.popleft()
        wanted = workers
        if workers < self.bounds.max and now >= self._no_more_until and self._all_busy(now, workers):
            wanted += 1
        elif workers > self.bounds.min and self._one_too_many(now, workers):
            wanted -= 1
        if wanted != workers:
            self._changed, self._last = now, wanted
            self._seen.clear()
        return wanted

    def _all_busy(self, now: float, workers: int) -> bool:
        recent = [(queue, busy) for when, queue, busy in self._seen if now - when <= UP_AFTER]
        whole = bool(self._seen) and now - self._seen[0][0] >= UP_AFTER * 0.9
        return whole and _mean(queue > 0 and busy >= workers for queue, busy in recent) >= 0.9

    def _one_too_many(self, now: float, workers: int) -> bool:
        whole = bool(self._seen) and now - self._seen[0][0] >= DOWN_AFTER * 0.9
        return whole and _mean(busy for _, _, busy in self._seen) <= ENOUGH * (workers - 1)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
