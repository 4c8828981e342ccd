"""The search for the highest rate that holds: bounded, and not taken in by one bad moment."""

from __future__ import annotations

import pytest

from benchmarks.steps import MOST_STEPS, Step, highest, next_rate


def search(capacity: float, expected: float) -> list[tuple[float, bool]]:
    tried: list[tuple[float, bool]] = []
    while (rate := next_rate(expected, tried)) is not None:
        tried.append((rate, rate <= capacity))
    return tried


@pytest.mark.parametrize("capacity", [3.0, 24.0, 25.0, 26.0, 40.0, 70.0])
def test_the_highest_rate_is_found_within_a_few_steps(capacity: float) -> None:
    tried = search(capacity, 25)
    assert len(tried) <= MOST_STEPS
    assert capacity / 1.07 <= highest(tried) <= capacity


def test_a_rate_far_above_what_was_expected_ends_the_search_too() -> None:
    tried = search(1e9, 25)
    assert highest(tried) == pytest.approx(3.2 * 25)
    assert len(tried) <= MOST_STEPS


def test_a_pipeline_that_holds_nothing_is_given_up() -> None:
    tried = search(0.0, 25)
    assert (len(tried), highest(tried)) == (MOST_STEPS, 0.0)


def step(rate: float = 100.0, accepted: int = 500, lost: int = 0, early: float = 0.05, late: float = 0.05) -> Step:
    return Step(rate, 5.0, accepted, lost, early, late)


def test_a_load_holds_where_all_comes_in_and_out_and_nothing_grows() -> None:
    assert step().trouble == ""
    assert step(lost=5).trouble == ""
    assert step(accepted=495, early=0.04, late=0.06).trouble == ""


def test_a_load_that_does_not_hold_says_why() -> None:
    assert step(lost=6).trouble == "6 of 500 lost"
    assert step(accepted=450).trouble == "90.0/s came in"
    assert step(early=0.05, late=0.2).trouble == "50 to 200 ms late"
