"""Buckets: how much each owner and each address may ask for in a time; bounded, and by an injected clock."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 4096
OTHERS = ""  # the bucket that all newcomers share when the table is full


@dataclass
class _Bucket:
    tokens: float
    seen: float


class Buckets:
    """Token buckets: each key may take `burst` at once and `rate` a second over time.

    At most `most` keys are known. Who is full again is forgotten first: that changes nothing. When nobody is, newcomers
    share one bucket, so that many addresses get no more than one."""

    def __init__(
        self, rate: float, burst: float, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._most, self._clock = rate, burst, most, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, cost: float = 1.0) -> float:
        """Take so many tokens: 0.0, or the seconds after which there will be enough; then none are taken."""
        bucket = self._bucket(key)
        if bucket.tokens >= cost:
            bucket.tokens -= cost
            return 0.0
        return (cost - bucket.tokens) / self._rate

    def wait(self, key: str, cost: float = 1.0) -> float:
        """What `take` would say, without taking."""
        return max(0.0, (cost - self._bucket(key).tokens) / self._rate)

    def _bucket(self, key: str) -> _Bucket:
        now = self._clock()
        if key not in self._buckets and not self._room(now):
            key = OTHERS
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.seen) * self._rate)
        bucket.seen = now
        self._buckets.move_to_end(key)
        return bucket

    def _room(self, now: float) -> bool:
        """Whether one more is to be known; the one that has been idle longest goes, where it is full again."""
        if len(self._buckets) < self._most:
            return True
        oldest, bucket = next(iter(self._buckets.items()))
        if bucket.tokens + (now - bucket.seen) * self._rate < self._burst:
            return False
        del self._buckets[oldest]
        return True
