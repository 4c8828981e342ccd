"""What a segment takes of a cluster's machines: what is said, what is found, how many fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.jobs.ray_needs import MOST_CPUS, Machine, Needs, lanes_of, needs_of, read_needs

machines = st.lists(st.builds(Machine, st.integers(0, 128), st.integers(0, 8)), max_size=6)


def test_needs_are_read_as_they_are_said() -> None:
    assert read_needs("cpus=4") == Needs(4)
    assert read_needs("cpus=4,gpus=0.5") == Needs(4, 0.5)
    assert read_needs(" gpus=2 , cpus=1.5") == Needs(1.5, 2)
    assert read_needs("gpus=1") == Needs(1, 1)


@pytest.mark.parametrize(
    "text", ["", "4", "cpus=", "cpus=0", "cpus=-1", "cpus=1,cpus=2", "gpus=1.5", "cpu=1", "cpus=x"]
)
def test_what_cannot_be_needed_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="--needs"):
        read_needs(text)


def test_of_machines_without_gpus_a_quarter_of_the_smallest_is_taken_but_never_many_processors() -> None:
    assert needs_of([Machine(2)], None) == Needs(1)
    assert needs_of([Machine(8), Machine(64)], None) == Needs(2)
    assert needs_of([Machine(64)], None) == Needs(MOST_CPUS)
    assert lanes_of([Machine(64)], Needs(MOST_CPUS)) == 16


def test_workers_decide_how_much_each_gets() -> None:
    assert needs_of([Machine(2)], 1) == Needs(2)
    assert needs_of([Machine(2)], 2) == Needs(1)
    assert needs_of([Machine(8), Machine(8)], 4) == Needs(4)
    assert needs_of([Machine(2), Machine(8)], 2) == Needs(4), "five would not fit twice"
    assert needs_of([Machine(2)], 50) == Needs(1), "what does not fit waits"


def test_where_there_are_gpus_a_segment_has_one_and_the_processors_that_belong_to_it() -> None:
    assert needs_of([Machine(64, 8)], None) == Needs(8, 1)
    assert needs_of([Machine(32), Machine(16, 1)], None) == Needs(16, 1), "machines without one do nothing"
    assert needs_of([Machine(16, 1)], 4) == Needs(4, 0.25), "more workers share it"
    assert lanes_of([Machine(32), Machine(16, 1)], Needs(4, 0.25)) == 4


def test_a_head_that_lends_no_processors_counts_for_nothing() -> None:
    assert needs_of([Machine(0), Machine(8)], None) == Needs(2)
    assert needs_of([Machine(0)], None) == needs_of([], 5) == Needs(1)
    assert lanes_of([Machine(0)], Needs(1)) == 0


@given(machines, st.one_of(st.none(), st.integers(1, 200)))
def test_whatever_the_machines_are_what_is_chosen_fits_on_one_of_them(
    offered: list[Machine], workers: int | None
) -> None:
    needs = needs_of(offered, workers)
    assert needs.cpus >= 1
    assert 0 <= needs.gpus <= 1
    useful = [one for one in offered if one.cpus and (one.gpus or not needs.gpus)]
    if useful and not any(one.gpus and not one.cpus for one in offered):
        assert lanes_of(offered, needs) >= 1


@given(machines, st.integers(1, 200))
def test_as_many_workers_as_are_wanted_fit_where_they_can(offered: list[Machine], workers: int) -> None:
    offered = [Machine(one.cpus) for one in offered]
    if sum(one.cpus for one in offered) >= workers:
        assert lanes_of(offered, needs_of(offered, workers)) >= workers
