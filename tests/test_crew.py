"""Restart budgets: the first one at once, then with back-off, then no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config import RestartPolicy
from pipeline.crew import Budget, Member


def test_the_first_early_death_is_forgiven_at_once_and_the_next_ones_wait_longer() -> None:
    budget = Budget(RestartPolicy(max_restarts=3, within_s=60))
    delays = [budget.died(now) for now in (0.0, 1.0, 2.0)]
    assert delays[0] == 0.0
    assert delays[1] is not None
    assert delays[2] is not None
    assert 0.2 <= delays[1] <= 0.3
    assert 0.4 <= delays[2] <= 0.6
    assert budget.died(3.0) is None


def test_deaths_longer_ago_than_the_window_do_not_count() -> None:
    budget = Budget(RestartPolicy(max_restarts=1, within_s=10))
    assert budget.died(0.0) == 0.0
    assert budget.died(11.0) == 0.0
    assert budget.died(12.0) is None


def test_work_done_wipes_the_slate() -> None:
    budget = Budget(RestartPolicy(max_restarts=1))
    assert budget.died(0.0) == 0.0
    budget.worked()
    assert budget.died(2.0) == 0.0
    assert budget.died(3.0) is None


def test_the_wait_grows_to_eight_seconds_and_no_further_however_often_it_dies() -> None:
    budget = Budget(RestartPolicy(max_restarts=5000, within_s=1e9))
    delays = [budget.died(float(now)) or 0.0 for now in range(2000)]
    assert max(delays) <= 8.0 * 1.2
    assert min(delays[8:]) >= 8.0 * 0.8


@pytest.mark.parametrize("value", [-1, "many", True, "3"])
def test_a_policy_of_nonsense_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="max_restarts"):
        RestartPolicy.model_validate({"max_restarts": value})


def test_a_worker_that_leaves_may_be_silent_over_its_last_frame_for_no_longer_than_over_any() -> None:
    process: Any = SimpleNamespace()
    member = Member(1, 0, 1, b"one", process, 0.0, "leaving", deadline=2.0)
    assert member.patience(setup_deadline=60.0) == 2.0
