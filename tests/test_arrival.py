"""Time stamps of live sources: on one clock, and never back."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.arrival import TIME_BASE, TOLERANCE_S, Arrival

SECOND = round(1 / TIME_BASE)


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


def test_ticks_are_those_of_rtp() -> None:
    assert Fraction(1, 90000) == TIME_BASE


def test_a_streams_own_times_are_kept_however_unevenly_they_come(clock: Hands) -> None:
    arrival = Arrival(clock)
    stamps = []
    for number, late in enumerate([0.0, 0.3, 0.01, 0.2, 0.0]):
        stamps.append(arrival.stamp(77.0 + number / 25, at=1000 + number / 25 + late))
    assert stamps == [number * SECOND // 25 for number in range(5)]


def test_without_times_it_is_when_they_come(clock: Hands) -> None:
    arrival = Arrival(clock)
    first = arrival.stamp()
    clock.now += 0.5
    assert (first, arrival.stamp(), arrival.stamp()) == (0, SECOND // 2, SECOND // 2 + 1)


def test_a_picture_without_a_time_among_others_does_not_disturb_them(clock: Hands) -> None:
    arrival = Arrival(clock)
    assert arrival.stamp(None, at=1000) == 0
    assert arrival.stamp(5.0, at=1000.1) == SECOND // 10
    assert arrival.stamp(5.1, at=1000.3) == SECOND // 5


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1e9])
def test_a_clock_that_jumps_is_laid_anew_onto_this_machines(clock: Hands, jump: float) -> None:
    arrival = Arrival(clock)
    arrival.stamp(5.0, at=1000)
    assert arrival.stamp(5.04 + jump, at=1000.04) == pytest.approx(SECOND / 25, abs=1)
    assert arrival.stamp(5.08 + jump, at=1000.09) == pytest.approx(SECOND / 12.5, abs=1)
    assert arrival.repaired == 1


@pytest.mark.parametrize("length", [2, 8])
def test_a_film_in_a_loop_is_not_squeezed_into_a_moment(clock: Hands, length: int) -> None:
    arrival = Arrival(clock)
    stamps = [arrival.stamp(number % (length * 25) / 25, at=1000 + number / 25) for number in range(length * 75)]
    steps = [after - before for before, after in itertools.pairwise(stamps)]
    assert min(steps) >= SECOND // 25 - 2
    assert max(steps) <= SECOND // 25 + 2
    assert arrival.repaired == 2


def test_a_clock_that_goes_wrong_slowly_is_put_right_before_it_is_far_off(clock: Hands) -> None:
    arrival = Arrival(clock)
    for second in range(0, 20000, 10):
        stamp = arrival.stamp(second * 1.01, at=1000.0 + second)
        assert abs(stamp / SECOND - second) <= TOLERANCE_S + 0.2


def test_after_a_reconnection_the_gap_is_as_long_as_it_was(clock: Hands) -> None:
    arrival = Arrival(clock)
    arrival.stamp(500.0, at=1000)
    arrival.reconnected()
    assert arrival.stamp(0.0, at=1007) == 7 * SECOND, "the server counts from 0 again"
    assert arrival.stamp(0.04, at=1007.5) == 7 * SECOND + SECOND // 25


def test_a_restarted_worker_goes_on_after_the_last_stamp(clock: Hands) -> None:
    arrival = Arrival(clock)
    arrival.resume(10, 5 * SECOND)
    assert arrival.stamp(3.0) == 5 * SECOND + 1
    clock.now += 1
    assert arrival.stamp(4.0) == 6 * SECOND


def test_one_that_had_brought_nothing_begins_at_0(clock: Hands) -> None:
    arrival = Arrival(clock)
    arrival.resume(0, 0)
    assert arrival.stamp(3.0) == 0


moments = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(st.lists(st.tuples(moments, st.floats(0, 100), st.booleans()), max_size=60))
def test_no_stamp_is_ever_before_another(steps: list[tuple[float | None, float, bool]]) -> None:
    clock = Hands()
    arrival = Arrival(clock)
    last = -1
    for seconds, later, again in steps:
        clock.now += later
        if again:
            arrival.reconnected()
        stamp = arrival.stamp(seconds)
        assert stamp > last
        last = stamp
