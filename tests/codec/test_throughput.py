"""A stream's kbit/s follow from its bytes and stamps alone; the machine's from its counters and a clock."""

from __future__ import annotations

import math
from collections import namedtuple

import psutil
import pytest

from stages.codec.throughput import EVERY, SystemThroughput, Throughput, moved


class World:
    """A clock and counters that go on when they are told to."""

    def __init__(self) -> None:
        self.now, self.bytes, self.asked = 100.0, 5_000, 0

    def clock(self) -> float:
        return self.now

    def counters(self) -> int:
        self.asked += 1
        return self.bytes

    def go(self, seconds: float, kbps: float) -> None:
        self.now += seconds
        self.bytes += round(kbps * 1000 / 8 * seconds)


@pytest.mark.parametrize("rate", [5, 15, 24, 25, 30000 / 1001, 60, 240])
def test_an_even_stream_has_its_rate_from_the_first_picture_on(rate: float) -> None:
    through = Throughput(rate)
    for number in range(int(4 * rate)):
        assert through.add(1000, number / rate) == pytest.approx(8 * rate, rel=0.01 + 1 / rate / 10)


def test_pictures_count_for_one_second() -> None:
    through = Throughput(10)
    burst = [through.add(10_000 if number == 5 else 0, number / 10) for number in range(30)]
    assert burst[4] == 0
    assert burst[5] == pytest.approx(80 / 0.6)
    assert burst[9:15] == [pytest.approx(80)] * 6
    assert burst[15:] == [0] * 15


def test_a_stream_of_which_pictures_are_dropped_takes_less() -> None:
    through = Throughput(30)
    rates = [through.add(1000, number / 30) for number in range(0, 120, 3)]
    assert rates[-1] == pytest.approx(8 * 10, rel=0.1)


def test_stamps_that_begin_anew_begin_a_new_count() -> None:
    through = Throughput(10)
    for number in range(20):
        through.add(10_000, number / 10)
    assert through.add(500, 0.0) == pytest.approx(8 * 0.5 * 10)


def test_the_machine_is_asked_every_thirty_pictures_and_told_over_what_has_passed() -> None:
    world = World()
    system = SystemThroughput(world.counters, world.clock)
    told = []
    for _ in range(3 * EVERY + 1):
        told.append(system.picture())
        world.go(1 / 25, 742.3)
    assert world.asked == 4
    assert all(math.isnan(kbps) for kbps in told[:EVERY])
    assert told[EVERY + 1 :] == [pytest.approx(742.3, rel=0.01)] * (2 * EVERY)


def test_a_fast_stream_is_not_told_of_less_than_a_second() -> None:
    world = World()
    system = SystemThroughput(world.counters, world.clock)
    for number in range(300):
        world.go(0.01, 8000 if number % 100 < 10 else 0)  # in bursts
        kbps = system.picture()
        assert math.isnan(kbps) or kbps == pytest.approx(800, rel=0.1)
    assert world.asked == 3
    assert not math.isnan(kbps)


def test_counters_that_begin_anew_leave_what_was_known() -> None:
    world = World()
    system = SystemThroughput(world.counters, world.clock, every=1)
    for kbps in (0, 400, 400):
        world.go(2, kbps)
        system.picture()
    world.bytes = 10
    world.go(2, 0)
    assert system.picture() == pytest.approx(400)
    world.go(2, 100)
    assert system.picture() == pytest.approx(100, rel=0.01)


def test_what_stays_within_the_machine_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    count = namedtuple("count", ["bytes_sent", "bytes_recv"])
    table = {"lo": count(10**9, 10**9), "eth0": count(300, 20), "wlan0": count(4, 1)}
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: table if pernic else None)
    assert moved() == 325


def test_this_machine_has_counters() -> None:
    assert moved() >= 0
