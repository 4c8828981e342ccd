"""Buckets: how much may be asked for in a time, by a clock that the test holds."""

from __future__ import annotations

from pipeline.web.ratelimit import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_so_many_a_second() -> None:
    clock = Clock()
    buckets = Buckets(rate=2, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0, "another one has its own"
    clock.now += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5
    clock.now += 100
    assert [buckets.take("a") == 0 for _ in range(4)] == [True, True, True, False]


def test_asking_how_long_takes_nothing() -> None:
    buckets = Buckets(rate=1, burst=1, clock=Clock())
    assert buckets.wait("a") == 0
    assert buckets.take("a") == 0
    assert buckets.wait("a") == 1


def test_the_table_is_bounded_and_newcomers_share_what_is_left() -> None:
    clock = Clock()
    buckets = Buckets(rate=1, burst=2, most=10, clock=clock)
    for number in range(10):
        buckets.take(str(number), 2)
    shared = [buckets.take(f"new {number}") for number in range(1000)]
    assert shared[:2] == [0, 0]
    assert all(wait > 0 for wait in shared[2:])
    assert len(buckets) <= 11
    assert buckets.take("0") > 0, "nobody was forgotten who still had to wait"


def test_who_is_full_again_makes_room() -> None:
    clock = Clock()
    buckets = Buckets(rate=1, burst=2, most=2, clock=clock)
    buckets.take("a", 2)
    buckets.take("b", 2)
    clock.now += 5
    assert buckets.take("c", 2) == 0
    assert buckets.take("d", 2) == 0
    assert len(buckets) == 2
