"""The autoscaler: up with a backlog, down with idleness, and calm between the two."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.autoscale import Autoscaler
from pipeline.plan import Autoscale


class Load:
    """Feeds an autoscaler ten times a second with what a stage would look like."""

    def __init__(self, least: int = 1, most: int = 4) -> None:
        self.scaler = Autoscaler(Autoscale(min=least, max=most))
        self.now = 0.0
        self.workers = least
        self.moves: list[int] = []

    def run(self, seconds: float, *, demand: float) -> int:
        """`demand`: how many workers the arriving frames would keep busy. Returns the number of workers."""
        for step in range(round(seconds * 10)):
            self.now += 0.1
            share = min(demand, self.workers)
            busy = int(share) + (step % 10 < (share % 1) * 10)
            queue = 3 if demand > self.workers else 0
            wanted = self.scaler.wanted(self.now, self.workers, self.workers, queue, busy)
            if wanted != self.workers:
                self.moves.append(wanted - self.workers)
                self.workers = wanted
        return self.workers


def test_a_backlog_with_everybody_busy_brings_one_worker_after_the_other_up_to_the_most() -> None:
    load = Load()
    assert load.run(0.8, demand=9) == 1, "a short burst is no backlog"
    assert load.run(3, demand=9) == 2
    assert load.run(20, demand=9) == 4


def test_idleness_takes_workers_away_down_to_the_least() -> None:
    load = Load(least=2)
    load.run(20, demand=9)
    assert load.run(1.5, demand=0) == 4, "a short lull is no idleness"
    assert load.run(40, demand=0) == 2


@pytest.mark.parametrize("demand", [0.5, 1.0, 1.7, 2.3, 2.5, 3.0, 3.9])
def test_a_steady_load_finds_its_number_and_stays_there(demand: float) -> None:
    load = Load()
    load.run(30, demand=demand)
    load.moves.clear()
    load.run(120, demand=demand)
    assert load.moves == []
    assert load.workers >= demand


def test_nothing_is_decided_while_a_new_worker_is_being_set_up() -> None:
    scaler = Autoscaler(Autoscale(min=1, max=8))
    for step in range(100):
        assert scaler.wanted(step / 10, workers=2, ready=1, queue=5, busy=1) == 2


@pytest.mark.parametrize("bounds", [{"min": 3, "max": 2}, {"min": 0, "max": 2}, {"max": 65}, {"min": 1}, {"max": True}])
def test_bounds_of_nonsense_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Autoscale.model_validate(bounds)


def test_where_one_more_could_not_be_had_it_is_tried_again_only_after_a_while() -> None:
    load = Load()
    load.run(3, demand=9)
    assert load.workers == 2
    load.workers = 1  # the second one could not be set up
    assert load.run(50, demand=9) == 1
    assert load.run(20, demand=9) == 4
