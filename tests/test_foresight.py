"""Foresight: the next frame is granted a moment before the worker needs it, and to whoever has nothing first."""

from __future__ import annotations

import pytest

from pipeline.foresight import LEAD_S, STEADY, Foresight
from pipeline.ledger import Ledger, StageRule, Verdict


def test_a_worker_is_nearly_done_a_moment_before_the_usual_time() -> None:
    found = Foresight(2)
    for busy in (0.01, 0.02, 0.035):  # one that was slow changes nothing
        found.ended(7, 1, busy)
    found.began(7, 1, 100.0)
    assert found.until_next(100.0, {7}) == pytest.approx(0.02 - LEAD_S)
    assert found.nearly_done(100.017) == set()
    assert found.nearly_done(100.0181) == {7}
    assert found.until_next(100.0181, {7}) is None
    assert found.nearly_done(100.1) == set(), "it is late: a frame must not wait for it"
    found.ended(7, 1, 0.02)
    assert found.nearly_done(100.0181) == set()


def test_a_stage_that_now_and_then_takes_long_is_not_foreseen() -> None:
    """Whatever were granted before the end of a long frame would wait for that, as the newest one no more."""
    found = Foresight(1)
    for busy in (0.01, 0.3, 0.01, 0.01):
        found.ended(7, 0, busy)
        found.began(7, 0, 100.0)
    assert found.until_next(100.0, {7}) is None
    assert found.nearly_done(100.0085) == set()
    for _ in range(STEADY):
        found.ended(7, 0, 0.01)
    found.began(7, 0, 100.0)
    assert found.nearly_done(100.0085) == {7}, "it is steady again"


def test_of_a_stage_that_has_done_nothing_nothing_is_expected() -> None:
    found = Foresight(1)
    found.began(1, 0, 0.0)
    assert found.until_next(0.0, {1}) is None
    assert found.nearly_done(1000.0) == set()


def test_the_dead_are_forgotten() -> None:
    found = Foresight(1)
    found.ended(1, 0, 0.02)
    found.began(1, 0, 0.0)
    assert found.until_next(0.0, set()) is None
    assert found.nearly_done(1000.0) == set()


def flow(workers: int, *, ahead: bool = True, on_full: str = "drop_oldest") -> Ledger:
    """A source (worker 1), a stage with workers from 10 on, a sink (worker 2); none is granted long ahead."""
    rules = [StageRule("in", None, True), StageRule("work", "in", False, 1, ahead), StageRule("out", "work", True)]
    made = Ledger(rules, 12, on_full=on_full)  # type: ignore[arg-type]
    made.joined(0, 1)
    for number in range(workers):
        made.joined(1, 10 + number)
    made.joined(2, 2)
    return made


def feed(ledger: Ledger, nearly_done: frozenset[int] = frozenset()) -> list[tuple[int, int]]:
    """One more frame comes in; (worker, index) of what is granted behind the source."""
    given = ledger.grants(nearly_done)
    lease = ledger.held(1)[0]
    ledger.committed(1, lease.slot, lease.generation, Verdict.DONE)
    given += ledger.grants(nearly_done)
    return [(grant.worker, grant.index) for grant in given if grant.stage]


def test_a_worker_gets_its_next_frame_when_it_is_nearly_done_and_not_before() -> None:
    ledger = flow(1)
    assert feed(ledger) == [(10, 0)]
    assert feed(ledger) == []
    assert feed(ledger, frozenset({10})) == [(10, 1)]
    assert len(ledger.held(10)) == 2
    assert feed(ledger, frozenset({10})) == []  # one ahead and no more


def test_the_newest_is_granted_ahead() -> None:
    ledger = flow(1)
    feed(ledger)
    feed(ledger)
    feed(ledger)
    assert [grant.index for grant in ledger.grants({10}) if grant.stage] == [2]
    assert ledger.dropped["work"] == 1


def test_whoever_has_nothing_comes_before_whoever_is_nearly_done() -> None:
    ledger = flow(2, on_full="block")
    assert feed(ledger, frozenset({10})) == [(10, 0)]
    assert feed(ledger, frozenset({10})) == [(11, 1)]
    assert feed(ledger, frozenset({11})) == [(11, 2)]
    assert feed(ledger, frozenset({11})) == []


def test_a_stage_that_must_not_be_granted_ahead_is_not() -> None:
    ledger = flow(1, ahead=False)
    feed(ledger)
    assert feed(ledger, frozenset({10})) == []
