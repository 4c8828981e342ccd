"""The rate follows what gets through, and what others leave of the link; a toy network stands in for a true one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.frame import FrameSpec
from stages.codec.adapting import LEAST, ROOM, Adapting
from stages.codec.delivery import Delivery
from stages.codec.rate import RateLoop
from stages.codec.settings import Settings
from stages.codec.steering import MOST_THINNED, Rate, Steering
from stages.codec.throughput import SystemThroughput

RATE = 25.0
SPEC = FrameSpec(width=640, height=360, rate=Fraction(25), time_base=Fraction(1, 25))


class Network:
    """Carries so many bits/s; what it has not carried waits, at most two seconds of it."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.queue = 0.0
        self.dropped = self.sent = 0

    def picture(self, bits: float) -> Delivery:
        self.queue = max(0.0, self.queue + bits - self.capacity / RATE)
        if self.queue > 2 * self.capacity:
            self.queue, self.dropped = 0.0, self.dropped + 50
        waiting = self.queue / max(bits, 1.0)
        self.sent += 1
        return Delivery(self.sent, waiting, self.dropped, up=True, linked=True)


def run(adapting: Adapting, network: Network, wished: float, seconds: float, begin: float = 0.0) -> list[float]:
    """The rates that were taken, bits/s, picture by picture."""
    rates = []
    for at in range(round(seconds * RATE)):
        rates.append(adapting.cap(wished))
        adapting.delivered(network.picture(rates[-1] / RATE), begin + at / RATE)
    return rates


def test_where_all_gets_through_it_takes_what_was_wished_for() -> None:
    rates = run(Adapting(RATE), Network(2e6), 1e6, 30)
    assert set(rates) == {1e6}


def test_a_narrow_network_is_used_well_and_not_overrun() -> None:
    network = Network(400e3)
    rates = run(Adapting(RATE), network, 1e6, 120)
    settled = rates[round(20 * RATE) :]
    assert 0.75 * 400e3 < np.mean(settled) <= 1.02 * 400e3
    assert network.queue / network.capacity < 2


def test_when_the_network_is_wide_again_the_rate_comes_back() -> None:
    adapting, network = Adapting(RATE), Network(300e3)
    run(adapting, network, 1e6, 30)
    network.capacity = 5e6
    rates = run(adapting, network, 1e6, 30, begin=30)
    assert rates[0] < 500e3
    assert rates[-1] == 1e6


def test_what_was_lost_lowers_the_rate_at_once() -> None:
    adapting = Adapting(RATE)
    adapting.delivered(Delivery(1, 0, 0, up=True, linked=True), 0.0)
    adapting.delivered(Delivery(2, 0, 9, up=True, linked=True), 0.04)
    assert adapting.cap(1e6) == pytest.approx(700e3)


@pytest.mark.parametrize("told", [Delivery(9, 500, 9, up=False, linked=True), Delivery(9, 500, 9, up=True)])
def test_nothing_is_learned_from_what_is_not_sent_over_a_network(told: Delivery) -> None:
    adapting = Adapting(RATE)
    for at in range(10):
        adapting.delivered(told, float(at))
    assert adapting.cap(1e6) == 1e6


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 5)), max_size=60))
def test_whatever_is_told_the_share_stays_within_its_bounds(told: list[tuple[float, float, float]]) -> None:
    adapting, now = Adapting(RATE), 0.0
    for waiting, dropped, passed in told:
        now += passed
        adapting.delivered(Delivery(0, waiting, dropped, up=True, linked=True), now)
        assert LEAST <= adapting.share <= 1


def test_a_delivery_lies_in_its_plane() -> None:
    plane = np.zeros(32, np.float32)
    told = Delivery(3, 2, 1, up=True, wants_key=True, linked=True)
    told.put(plane)
    assert Delivery.of(plane) == told


# What others send


def steering(moved: list[int], **fields: object) -> Steering:
    clock = iter(range(10_000))
    counts = iter(moved)
    system = SystemThroughput(lambda: next(counts), lambda: 2.0 * next(clock), every=1)
    return Steering(Settings(**fields), SPEC, system)


def test_a_stream_leaves_the_link_to_those_who_fill_it() -> None:
    one = steering([0, 2_000_000, 4_000_000], bitrate="4M", adapt="system", link="10M")
    targets = []
    for at in range(3):
        one.took(1000, at)
        targets.append(one.target)
    assert targets == pytest.approx([4e6, ROOM * 2e6, ROOM * 2e6])


def test_a_tenth_of_the_link_is_taken_however_much_others_send() -> None:
    one = steering([0, 9_000_000], bitrate="4M", adapt="system", link="10M")
    for at in range(2):
        one.took(1000, at)
    assert one.target == pytest.approx(1e6)


@pytest.mark.parametrize("adapt", ["none", "stream"])
def test_others_are_of_no_account_where_that_was_not_asked_for(adapt: str) -> None:
    one = steering([0, 9_000_000], bitrate="4M", adapt=adapt, link="10M")
    for at in range(2):
        one.took(1000, at)
    assert one.target == 4e6


def test_what_was_taken_is_told_of_stream_and_system() -> None:
    one = steering([0, 250_000], bandwidth=0.1)
    kbps, system, target = one.took(2880, 0)
    assert (kbps, target) == (pytest.approx(2880 * 8 * 25 / 1000), pytest.approx(576))
    assert math.isnan(system)
    assert one.took(2880, 1)[1] == pytest.approx(1000)


def test_the_ratio_is_what_is_aimed_at_and_what_is_taken_where_a_quality_is() -> None:
    assert steering([0], bandwidth=0.25).ratio == pytest.approx(0.25)
    assert steering([0], bitrate="576k").ratio == pytest.approx(0.1)
    fixed = steering([0, 0], quantiser=30)
    fixed.took(2880, 0)
    assert fixed.ratio == pytest.approx(0.1)


# Pictures that are left out


def test_where_pictures_are_left_out_each_one_that_comes_may_take_more() -> None:
    one = steering([0] * 100, bandwidth=0.1)
    loop = one.loop(100)
    assert isinstance(loop, RateLoop)
    for pts in range(0, 60, 5):
        one.took(2000, pts)
    assert one.fits(loop)
    assert loop.target == pytest.approx(5 * one.target)
    for pts in range(60, 80):
        one.took(2000, pts)
    assert one.fits(loop)
    assert loop.target == one.target


def test_a_rate_that_begins_anew_or_stands_still_is_no_rate() -> None:
    rate = Rate(25)
    rate.add(5.0)
    assert rate.thinned == 1
    rate.add(0.0)
    assert rate.thinned == 1
    rate.add(1000.0)
    assert 1 < rate.thinned <= MOST_THINNED
