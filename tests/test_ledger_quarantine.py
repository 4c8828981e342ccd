"""Workers that leave, stages that pause, and workers that can neither answer nor die."""

from __future__ import annotations

import pytest

from pipeline.ledger import Verdict
from tests.ledgers import Play, line


def test_a_leaving_worker_finishes_what_it_holds_and_gets_nothing_more() -> None:
    play = Play(line("a"), 6, unstaffed=("a",))
    play.join("a", "a1")
    play.join("a", "a2")
    play.bring(3)
    play.grant()
    play.ledger.leave(play.numbers["a2"])
    play.commit("a1", "a2")
    assert play.grant()["a1"] == [2]
    assert not play.held["a2"]
    assert play.die("a2") == []
    play.finish()
    assert play.fates == {"output": 3}


def test_what_a_leaving_worker_gives_back_is_done_by_another_without_blame() -> None:
    play = Play(line("a"), 6, unstaffed=("a",))
    play.join("a", "a1")
    play.join("a", "a2")
    play.bring(2)
    play.grant()
    play.ledger.leave(play.numbers["a1"])
    play.commit("a1", verdict=Verdict.RETURNED)
    play.commit("a2")
    assert play.grant()["a2"] == [0]
    assert play.ledger.slots[play.held["a2"][0].slot].tries == 0


def test_a_stage_that_is_held_gets_nothing_until_every_reason_is_gone() -> None:
    play = Play(line("a"), 6)
    play.bring(1)
    play.ledger.hold(1)
    play.ledger.hold(1)
    assert "a" not in play.grant()
    play.ledger.release(1)
    assert "a" not in play.grant()
    play.ledger.release(1)
    assert play.grant()["a"] == [0]


@pytest.mark.fault("A16")
def test_the_frame_of_a_worker_that_cannot_be_killed_goes_out_blank_and_its_slot_stays_shut() -> None:
    play = Play(line("a", credits=2), 4)
    play.bring(3)
    play.grant()
    shut = {given.slot for given in play.held["a"]}
    assert len(shut) == 2
    assert play.ledger.quarantine(play.numbers["a"]) == [given.slot for given in play.held["a"]]
    assert play.pass_on("out", 2) == [0, 1]
    assert play.ledger.quarantined == shut
    assert play.fates == {"blanked": 2}
    play.join("a", "successor")
    assert play.grant()["successor"] == [2]
    assert not shut & set(play.ledger.free)


@pytest.mark.fault("A16")
def test_what_a_worker_in_quarantine_says_later_counts_no_more() -> None:
    play = Play(line("a"), 4)
    play.bring(1)
    play.grant()
    play.ledger.quarantine(play.numbers["a"])
    assert play.commit("a") is None
    assert play.ledger.stale == 1


@pytest.mark.fault("A16")
def test_a_slot_leaves_quarantine_when_the_death_is_certain_at_last() -> None:
    play = Play(line("a"), 2)
    play.bring(1)
    play.grant()
    play.ledger.quarantine(play.numbers["a"])
    play.pass_on("out")
    assert len(play.ledger.quarantined) == 1
    assert play.die("a") == []
    assert not play.ledger.quarantined
    play.join("a", "successor")
    play.finish()
    assert play.fates == {"blanked": 1}


@pytest.mark.fault("A16")
def test_a_source_that_cannot_be_killed_costs_a_slot_and_no_frame() -> None:
    play = Play(line(), 3, limit=2)
    play.grant()
    play.ledger.quarantine(play.numbers["in"])
    play.join("in", "successor")
    play.grant()
    play.commit("successor")
    play.grant()
    play.commit("successor")
    play.held.pop("in")
    assert play.ledger.full
    assert len(play.ledger.quarantined) == 1
