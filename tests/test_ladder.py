"""The ladder: down at once when a frame would be late, up slowly, never for long where it does not belong."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from stages.inpainting.ladder import CLIMB, FORGET, Ladder, Level, Price
from stages.inpainting.pace import RESERVE, Pace

COSTS = {Level.MODEL: 0.2, Level.SMALL: 0.05, Level.PLATE: 0.002, Level.TELEA: 0.003, Level.SOLID: 0.0005}


class Machine:
    """Works as slowly as it is told, and lets a ladder choose."""

    def __init__(self, **levels: object) -> None:
        self.ladder = Ladder(**levels)  # type: ignore[arg-type]
        self.slowness = 1.0

    def frame(self, budget: float, costs: dict[Level, float] = COSTS) -> Level:
        level = self.ladder.choose(budget, costs)
        self.ladder.learn(costs[level], costs[level] * self.slowness)
        return level

    def frames(self, count: int, budget: float) -> list[Level]:
        return [self.frame(budget) for _ in range(count)]


@pytest.mark.parametrize(
    ("budget", "level"),
    [(1.0, Level.MODEL), (0.1, Level.SMALL), (0.01, Level.PLATE), (0.001, Level.SOLID), (0.0001, Level.SOLID)],
)
def test_the_first_frame_already_gets_the_best_level_that_is_in_time(budget: float, level: Level) -> None:
    assert Machine().frames(3, budget) == [level] * 3


def test_telea_is_taken_only_where_it_is_the_quicker_one() -> None:
    slow_pyramids = COSTS | {Level.PLATE: 0.02}
    assert Machine().frame(0.01, slow_pyramids) is Level.TELEA


def test_what_turns_out_slower_than_estimated_is_left_at_once() -> None:
    machine = Machine()
    machine.slowness = 3
    assert machine.frames(2, 0.3) == [Level.MODEL, Level.SMALL]


def test_it_climbs_only_after_so_many_frames_in_a_row_with_room() -> None:
    machine = Machine()
    machine.frame(0.01)
    assert set(machine.frames(CLIMB - 1, 1.0)) == {Level.PLATE}
    assert machine.frame(0.01) is Level.PLATE  # one without room: from the beginning
    assert set(machine.frames(CLIMB - 1, 1.0)) == {Level.PLATE}
    assert machine.frame(1.0) is Level.SMALL
    assert set(machine.frames(CLIMB - 1, 1.0)) == {Level.SMALL}
    assert machine.frame(1.0) is Level.MODEL


def test_from_the_last_resort_it_climbs_to_the_better_of_two_that_cost_no_more() -> None:
    machine = Machine()
    machine.frame(0.0001)
    assert machine.frames(CLIMB, 0.01)[-1] is Level.PLATE


def test_a_larger_hole_is_foreseen() -> None:
    machine = Machine()
    assert machine.frame(0.3) is Level.MODEL
    assert machine.frame(0.3, {level: 4 * seconds for level, seconds in COSTS.items()}) is Level.SMALL


def test_a_climb_that_was_too_early_makes_the_next_one_wait_longer() -> None:
    machine = Machine()
    waits, level, waited = [], machine.frame(0.1), 0
    for _ in range(40 * CLIMB):  # there seems to be room for the model until it is tried
        costs = COSTS | {Level.MODEL: 0.05}
        machine.slowness = 5.0 if machine.ladder.level is Level.MODEL else 1.0
        machine.ladder._prices[Level.MODEL] = Price()  # it learns nothing: the worst case
        level = machine.ladder.choose(0.1 if level is not Level.MODEL else 0.01, costs)
        waited += 1
        if level is Level.MODEL:
            waits.append(waited)
            waited = 0
    assert waits[:3] == sorted(waits[:3])
    assert waits[1] >= 1.8 * waits[0]
    assert waits[-1] <= 16 * CLIMB + 2


def test_a_machine_that_was_busy_for_a_while_gets_back_to_the_best() -> None:
    machine = Machine()
    assert set(machine.frames(50, 0.3)) == {Level.MODEL}
    machine.slowness = 10
    assert machine.frames(5, 0.3)[-1] > Level.SMALL
    machine.slowness = 1
    levels = machine.frames(20 * FORGET, 0.3)
    assert levels[-1] is Level.MODEL
    assert sum(one != other for one, other in pairwise(levels)) <= 4, "and does not seesaw"


def test_under_noise_it_changes_its_level_seldom_and_is_seldom_late() -> None:
    rng, machine = random.Random(1), Machine()
    budget, late, levels = 0.2, 0, []
    for _ in range(3000):
        machine.slowness = rng.lognormvariate(0, 0.15)
        level = machine.frame(budget)
        late += COSTS[level] * machine.slowness > budget
        levels.append(level)
    changes = sum(one != other for one, other in pairwise(levels))
    assert changes < 40, changes
    assert late < 45, late  # of 3000: the model alone would have been late in half of them
    assert max(levels) <= Level.PLATE


def test_only_levels_that_there_are_are_taken() -> None:
    assert Machine(levels=(Level.MODEL, Level.SOLID)).frames(2, 0.1) == [Level.SOLID] * 2


# Pace


def walk(pace: Pace, busy: float, period: float, frames: int, now: float = 100.0) -> tuple[float, float]:
    """So many frames that take `busy` seconds and come every `period`; the last budget, and the clock."""
    budget, due = 0.0, now
    for _ in range(frames):
        now = max(now + 0.0005, due)
        due = max(due + period, now)
        budget = pace.begin(now)
        now += busy
        pace.end(now)
    return budget, now


def test_the_first_frame_has_the_stream_s_own_period() -> None:
    assert Pace(0.04).begin(5.0) == pytest.approx(0.04 * RESERVE)


def test_a_worker_that_waits_has_the_time_from_frame_to_frame() -> None:
    """Because others take their share, or because fewer come."""
    budget, _ = walk(Pace(1 / 30), busy=0.05, period=0.1, frames=20)
    assert budget == pytest.approx(0.1 * RESERVE)


def test_one_that_never_waits_is_told_to_take_less_until_the_stream_s_period() -> None:
    pace = Pace(1 / 30)
    _, now = walk(pace, busy=0.05, period=0.1, frames=20)
    first, now = walk(pace, busy=0.2, period=0.1, frames=2, now=now)
    assert 1 / 30 * RESERVE < first < 0.2
    least, _ = walk(pace, busy=0.02, period=0.02, frames=30, now=now)
    assert least == pytest.approx(RESERVE / 30)


def test_a_stream_that_stood_still_gives_nobody_all_the_time() -> None:
    pace = Pace(1 / 30)
    pace.begin(1.0)
    pace.end(1.01)
    assert pace.begin(4000.0) < 2
