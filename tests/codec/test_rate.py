"""The rate loop keeps to its target, with a model of an encoder and with a true one; the floor loop to its floor."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.coding import COARSEST, FINEST, Quantiser
from stages.codec.rate import BEST, Fixed, FloorLoop, RateLoop
from stages.codec.roi import RoiEncoder
from stages.codec.roi_decoder import RoiDecoder
from tests.codec.clips import clip, psnr

PIXELS = 640 * 360


def model(seed: int, cost: float, key_costs: float, share: float, noise: float) -> Callable[[Quantiser, bool], int]:
    """An encoder as a formula: log2 of the bits that a picture takes at quantiser 0 is `cost`, a key picture's so much
    more; of those, `share` are the region's. Each picture differs by chance, `noise` halvings."""
    chance = random.Random(seed)

    def encode(quantiser: Quantiser, key: bool) -> int:
        bits = 2 ** (cost + key_costs * key + chance.gauss(0, noise))
        parts = share * 2 ** (-quantiser.region / 6) + (1 - share) * 2 ** (-quantiser.background / 6)
        return max(40, round(bits * parts / 8))

    return encode


def run(loop: RateLoop, encode: Callable[[Quantiser, bool], int], plan: dict[int, float], pictures: int) -> np.ndarray:
    """Bits of each picture, where the target becomes `plan[n]` before the n-th."""
    since = loop._period
    sizes = []
    for number in range(pictures):
        loop.target = plan.get(number, loop.target)
        key = since >= loop._period
        size = encode(loop.choose(), key)
        loop.saw(size, key=key)
        since = 1 if key else since + 1
        sizes.append(8 * size)
    return np.array(sizes)


def rates(bits: np.ndarray, begin: int, end: int, rate: int) -> np.ndarray:
    """Bits a second of each two seconds that lie within these pictures."""
    return np.convolve(bits[begin:end], np.ones(2 * rate), "valid") / 2


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([15, 25, 30]),
    caps=st.tuples(*[st.sampled_from([300e3, 450e3, 800e3, 1.5e6])] * 3),
    cost=st.floats(18.5, 21.5),
    key_costs=st.floats(0.5, 3.0),
    share=st.floats(0.05, 0.9),
    interval=st.sampled_from([2, 4, 10]),
)
def test_two_seconds_after_each_step_no_two_seconds_take_a_tenth_too_much(
    seed: int, rate: int, caps: tuple[float, ...], cost: float, key_costs: float, share: float, interval: int
) -> None:
    print(f"{seed = } {rate = } {caps = } {cost = } {key_costs = } {share = } {interval = }")
    loop = RateLoop(Fraction(rate), caps[0], interval * rate, PIXELS)
    steps = {number * 8 * rate: cap for number, cap in enumerate(caps)}
    bits = run(loop, model(seed, cost, key_costs, share, noise=0.1), steps, 24 * rate)
    for begin, cap in steps.items():
        settled = rates(bits, begin + 2 * rate, begin + 8 * rate, rate)
        assert settled.max() <= 1.1 * cap


@pytest.mark.parametrize("cap", [300e3, 576e3, 1.5e6])
def test_what_may_be_taken_is_taken(cap: float) -> None:
    loop = RateLoop(Fraction(25), cap, 100, PIXELS)
    bits = run(loop, model(1, 20.0, 2.0, 0.3, noise=0.1), {}, 500)
    assert 0.95 * cap <= bits[50:].sum() / 18 <= 1.02 * cap


def test_after_a_step_down_the_rate_is_below_the_new_cap_within_two_seconds() -> None:
    loop = RateLoop(Fraction(25), 800e3, 100, PIXELS)
    bits = run(loop, model(2, 20.0, 2.0, 0.3, noise=0.1), {250: 300e3}, 400)
    first_second, third_second = bits[250:275].sum(), bits[300:325].sum()
    assert first_second <= 1.15 * 300e3
    assert third_second <= 1.1 * 300e3


def test_a_scene_that_costs_four_times_as_much_is_paid_back() -> None:
    loop = RateLoop(Fraction(25), 576e3, 1000, PIXELS)
    calm, wild = model(3, 19.0, 2.0, 0.3, noise=0.05), model(4, 21.0, 2.0, 0.3, noise=0.05)
    run(loop, calm, {}, 100)
    loop._period = 10_000
    bits = np.array([8 * _step(loop, wild) for _ in range(150)])
    assert bits[:50].sum() <= 1.35 * 2 * 576e3
    assert bits[50:100].sum() <= 1.1 * 2 * 576e3


def _step(loop: RateLoop, encode: Callable[[Quantiser, bool], int]) -> int:
    size = encode(loop.choose(), False)
    loop.saw(size, key=False)
    return size


def test_a_still_scene_is_not_made_finer_than_anybody_sees_nor_is_what_it_leaves_spent_at_once() -> None:
    loop = RateLoop(Fraction(25), 1e6, 10_000, PIXELS)
    run(loop, model(5, 12.0, 2.0, 0.3, noise=0.05), {}, 250)
    assert loop.choose().region == BEST
    bits = np.array([8 * _step(loop, model(6, 20.0, 2.0, 0.3, noise=0.05)) for _ in range(50)])
    assert bits.sum() <= 1.5 * 2 * 1e6


def test_a_key_picture_that_is_asked_for_takes_no_more_than_a_third_of_a_second() -> None:
    loop = RateLoop(Fraction(25), 576e3, 10_000, PIXELS)
    encode = model(7, 20.0, 3.0, 0.3, noise=0.0)
    run(loop, encode, {}, 100)
    assert 8 * encode(loop.choose(key=True), True) <= 0.36 * 576e3


def test_where_the_cap_is_tight_the_background_gives_more_than_the_region() -> None:
    def chosen(cap: float) -> Quantiser:
        loop = RateLoop(Fraction(25), cap, 10_000, PIXELS, background=8)
        run(loop, model(8, 20.0, 2.0, 0.5, noise=0.0), {}, 100)
        return loop.choose()

    wide, tight = chosen(1e6), chosen(250e3)
    assert wide.background - wide.region == pytest.approx(8)
    assert tight.region > wide.region
    assert tight.background - tight.region > 10


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3_000_000), st.booleans()), max_size=60), st.floats(1e3, 1e8))
def test_whatever_an_encoder_gives_quantisers_stay_in_their_range(sizes: list[tuple[int, bool]], cap: float) -> None:
    loop = RateLoop(Fraction(30000, 1001), cap, 60, PIXELS)
    for size, key in sizes:
        quantiser = loop.choose(key=key)
        assert FINEST <= quantiser.region <= quantiser.background <= COARSEST
        loop.saw(size, key=key)


def test_a_true_encoder_settles_within_two_seconds_of_each_step() -> None:
    images, masks = clip("pan_stream_walk", 90)
    encoder, rate = RoiEncoder(640, 360, Fraction(15), preset="superfast"), 15
    loop = RateLoop(Fraction(rate), 800e3, encoder.period, PIXELS)
    caps = {0: 800e3, 75: 300e3, 150: 600e3}
    bits = []
    for number in range(225):
        loop.target = caps.get(number, loop.target)
        at = abs((number + 89) % 178 - 89)  # there and back, again and again
        coded = encoder.encode(images[at], masks[at], loop.choose())
        loop.saw(len(coded.data), key=coded.key)
        bits.append(8 * len(coded.data))
    for begin, cap in caps.items():
        settled = rates(np.array(bits), begin + 2 * rate, begin + 5 * rate, rate)
        assert settled.max() <= 1.1 * cap
        assert settled.min() >= 0.85 * cap


def test_a_floor_is_kept_by_a_true_encoder_and_not_by_much_more() -> None:
    images, masks = clip("pan_stream_walk", 60)
    encoder, decoder, loop = RoiEncoder(640, 360, Fraction(25)), RoiDecoder(), FloorLoop(30.0)
    found = []
    for image, mask in zip(images, masks, strict=True):
        coded = encoder.encode(image, mask, loop.choose())
        found.append(psnr(image, decoder.decode(coded.data), mask > 0))
        loop.saw(len(coded.data), key=coded.key, psnr=found[-1])
    assert np.mean(found[15:]) >= 30.0
    assert min(found[15:]) >= 29.0
    assert np.mean(found[15:]) <= 31.5


def test_a_floor_that_is_raised_is_reached_and_one_that_is_lowered_saves_bytes() -> None:
    loop = FloorLoop(34.0, background=6)
    for floor in (34.0, 40.0, 30.0):
        loop.floor = floor
        for _ in range(40):
            quantiser = loop.choose()
            loop.saw(1000, key=False, psnr=60 - quantiser.region)
        assert floor <= 60 - quantiser.region <= floor + 1
        assert quantiser.background == quantiser.region + 6


def test_pictures_without_a_region_leave_the_floor_loop_as_it_is() -> None:
    loop = FloorLoop(30.0)
    before = loop.choose()
    loop.saw(1000, key=True, psnr=math.nan)
    assert loop.choose() == before
    loop.saw(1000, key=True, psnr=math.inf)
    assert loop.choose().region == before.region + 1


def test_without_a_loop_nothing_moves() -> None:
    fixed = Fixed(30.0, background=40.0)
    assert fixed.choose() == Quantiser(30.0, COARSEST)
    fixed.saw(10**7, key=True, psnr=3.0)
    assert fixed.choose(key=True) == Quantiser(30.0, COARSEST)
