"""Stamps of TCP senders: by rate, by the stream's own clock, by arrival; never backwards, gaps stay gaps."""

from __future__ import annotations

from fractions import Fraction

from stages.ingest.arrival import Arrival
from stages.ingest.tcp_stamps import JUMP_S, Stamps

STEP = Fraction(3600)  # of 25 frames/s


def stamps(rate: Fraction | None = None) -> Stamps:
    return Stamps(Arrival(clock=lambda: 0.0), rate)


def test_with_a_rate_frames_are_as_far_apart_as_it_says_however_they_come() -> None:
    made = stamps(Fraction(25))
    assert [made.raw(came) for came in (10.0, 10.001, 10.5, 14.0)] == [0, 3600, 7200, 10800]


def test_a_gap_between_two_senders_is_a_gap() -> None:
    made = stamps(Fraction(25))
    assert [made.raw(10.0), made.raw(10.04)] == [0, 3600]
    made.begin()
    assert [made.raw(20.0), made.raw(20.04)] == [900_000, 903_600]


def test_one_who_sent_faster_than_time_is_followed_by_a_later_stamp() -> None:
    made = stamps(Fraction(25))
    assert [made.raw(10.0) for _ in range(100)][-1] == 99 * 3600
    made.begin()
    assert made.raw(10.1) == 100 * 3600


def test_without_a_rate_the_clock_counts_and_no_stamp_comes_twice() -> None:
    made = stamps()
    assert [made.raw(came) for came in (10.0, 10.0, 10.5, 10.4)] == [0, 1, 45_000, 45_001]


def test_a_stream_keeps_its_own_time_however_fast_it_comes() -> None:
    made = stamps()
    assert [made.described(float(second), 10.0, STEP) for second in range(30)] == [
        90_000 * second for second in range(30)
    ]


def test_a_stream_that_begins_anew_or_jumps_goes_on_by_arrival() -> None:
    made = stamps()
    first = [made.described(second, 10.0 + second, STEP) for second in (0.0, 0.04)]
    assert first == [0, 3600]
    assert made.described(0.0, 10.08, STEP) == 7200
    assert made.described(0.04 + 2 * JUMP_S, 10.12, STEP) == 10_800
    assert made.described(None, 10.2, STEP) == 18_000


def test_a_new_incarnation_goes_on_behind_the_last_one() -> None:
    made = stamps(Fraction(25))
    made.resume(7, 123_456)
    assert made.raw(0.0) >= 123_456 + 3600
    fresh = stamps(Fraction(25))
    fresh.resume(0, 0)
    assert fresh.raw(5.0) == 0
