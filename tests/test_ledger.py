"""The ledger, rule by rule: who gets which frame, when a lease ends, and what becomes of every frame."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger, StageRule, Verdict
from pipeline.posts import GENERATIONS
from tests.ledgers import Play, line


def test_a_frame_goes_from_stage_to_stage_and_its_slot_is_free_again() -> None:
    play = Play(line("a"), 1)
    assert play.grant() == {"in": [-1]}
    play.commit("in", pts=700, duration=40)
    assert play.grant() == {"a": [0]}
    assert (play.held["a"][0].pts, play.held["a"][0].duration) == (700, 40)
    play.commit("a")
    assert play.grant() == {"out": [0]}
    assert play.ledger.free == []
    play.commit("out")
    assert play.fates == {"output": 1}
    assert play.grant() == {"in": [-1]}


def test_several_workers_share_the_frames_and_the_sink_still_gets_them_in_order() -> None:
    play = Play(line("a"), 6, unstaffed=("a",))
    for worker in ("a1", "a2", "a3"):
        play.join("a", worker)
    play.bring(4)
    assert {worker: play.held[worker][0].index for worker in ("a1", "a2", "a3")} == {"a1": 0, "a2": 1, "a3": 2}
    play.commit("a3", "a2")
    assert play.grant() == {"in": [-1], "a2": [3]}, "the sink waits for frame 0"
    play.commit("a1")
    assert play.pass_on("out", 3) == [0, 1, 2]


def test_an_ordered_stage_in_the_middle_gets_its_frames_by_index() -> None:
    play = Play(line("a", "b", ordered=("b",)), 6, unstaffed=("a",))
    play.join("a", "a1")
    play.join("a", "a2")
    play.bring(2)
    play.grant()
    play.commit("a2")
    assert "b" not in play.grant()
    play.commit("a1")
    assert play.pass_on("b", 2) == [0, 1]


def test_with_two_credits_a_worker_has_the_next_frame_before_it_commits_the_first() -> None:
    play = Play(line("a", credits=2), 4)
    assert play.grant() == {"in": [-1, -1]}
    play.bring(3)
    assert [given.index for given in play.held["a"]] == [0, 1]
    play.commit("a")
    assert play.grant()["a"] == [2]


def test_of_several_workers_none_has_a_second_frame_that_another_could_take() -> None:
    play = Play(line("a", credits=2), 8, unstaffed=("a",))
    play.join("a", "a1")
    play.bring(4)
    play.grant()
    assert [given.index for given in play.held["a1"]] == [0, 1]
    play.join("a", "a2")
    play.grant()
    assert [given.index for given in play.held["a2"]] == [2]
    play.commit("a1")
    play.commit("a1")
    assert play.grant()["a1"] == [3]


def test_a_death_gives_back_all_leases_and_blames_the_oldest_only() -> None:
    play = Play(line("a", credits=2), 4)
    play.bring(2)
    play.grant()
    slots = [given.slot for given in play.held["a"]]
    assert play.die("a") == []
    assert [play.ledger.slots[slot].tries for slot in slots] == [1, 0]
    play.join("a", "another a")
    assert play.grant()["another a"] == [0], "what is done again is done alone"
    play.commit("another a")
    assert play.grant()["another a"] == [1]


def test_a_source_that_dies_has_brought_nothing() -> None:
    play = Play(line(credits=2), 3)
    play.grant()
    play.die("in")
    assert len(play.ledger.free) == 3
    assert play.ledger.accepted == 0


def test_an_ordered_stage_goes_back_to_the_frame_over_which_its_worker_died() -> None:
    play = Play(line(credits=2), 6)
    play.bring(3)
    play.pass_on("out")
    play.grant()
    play.die("out")
    play.join("out", "another out")
    assert play.pass_on("another out", 2) == [1, 2]


@pytest.mark.fault("H5")
def test_a_commit_of_a_dead_incarnation_is_dropped_and_counted() -> None:
    play = Play(line("a"))
    play.bring(1)
    play.grant()
    number, given = play.numbers["a"], play.held["a"][0]
    play.die("a")
    assert play.ledger.committed(number, given.slot, given.generation, Verdict.DONE) is None
    assert play.ledger.stale == 1
    play.join("a", "another a")
    assert play.grant()["another a"] == [0]


@pytest.mark.fault("H2", "H5")
def test_a_commit_counts_only_for_its_own_slot_generation_and_worker() -> None:
    play = Play(line("a"))
    play.bring(1)
    play.grant()
    number, given = play.numbers["a"], play.held["a"][0]
    wrong = [
        (number, given.slot, given.generation + 1),
        (number, given.slot, given.generation - 1),
        (number, given.slot + 1, given.generation),
        (number, -1, given.generation),
        (number, 65535, given.generation),
        (play.numbers["out"], given.slot, given.generation),
        (999, given.slot, given.generation),
    ]
    for worker, slot, generation in wrong:
        assert play.ledger.committed(worker, slot, generation, Verdict.DONE) is None
    assert play.ledger.stale == len(wrong)
    assert play.commit("a") is not None


@pytest.mark.fault("H5")
def test_a_commit_sent_twice_counts_once() -> None:
    play = Play(line("a"))
    play.bring(1)
    play.grant()
    number, given = play.numbers["a"], play.held["a"][0]
    play.commit("a")
    assert play.ledger.committed(number, given.slot, given.generation, Verdict.DONE) is None
    play.grant()
    assert play.ledger.committed(number, given.slot, given.generation, Verdict.DONE) is None
    play.finish()
    assert play.fates == {"output": 1}


def test_a_worker_that_says_twice_that_it_is_ready_keeps_its_leases() -> None:
    play = Play(line("a"))
    play.bring(1)
    play.grant()
    play.ledger.joined(1, play.numbers["a"])
    assert play.commit("a") is not None
    play.finish()


def test_generations_wrap_around_at_32_bits() -> None:
    play = Play(line("a"), 1)
    play.ledger.slots[0].generation = GENERATIONS - 2
    play.bring(1)
    assert play.grant() == {"a": [0]}
    given = play.held["a"][0]
    assert given.generation == 0
    assert play.ledger.committed(play.numbers["in"], 0, GENERATIONS - 1, Verdict.DONE) is None
    play.commit("a")
    play.finish()
    assert play.ledger.slots[0].generation == 1
    assert play.fates == {"output": 1}


def test_a_frame_that_kills_too_often_goes_blank_to_the_sinks_past_stages_that_keep_state() -> None:
    play = Play(line("a", "state", ordered=("state",)), 4, max_tries=3)
    play.bring(3)
    for blanked in ([], [], [play.ledger.live[0]]):
        play.grant()
        assert play.held["a"][0].index == 0
        assert play.die("a") == blanked
        play.join("a", "a")
    assert play.grant() == {"out": [0], "a": [1]}
    assert play.held["out"][0].blank
    play.commit("out", "a")
    assert play.grant()["state"] == [1], "the stage that keeps state goes on behind the blank frame"
    play.finish()
    assert play.fates == {"blanked": 1, "output": 2}


def test_a_blank_frame_over_which_the_sink_still_dies_is_dropped_there_in_the_end() -> None:
    play = Play(line(), 3, max_tries=2)
    play.bring(2)
    deaths = 0
    while play.grant() and play.held["out"][0].index == 0:
        play.die("out")
        play.join("out", "out")
        deaths += 1
        assert deaths <= 4
    play.finish()
    assert play.fates == {"dropped": 1, "output": 1}
    assert play.ledger.dropped == {"out": 1}


def test_a_frame_that_a_stage_failed_goes_out_blank() -> None:
    play = Play(line("a", "b"))
    play.bring(2)
    play.grant()
    play.commit("a", verdict=Verdict.FAILED)
    got = play.grant()
    assert got["out"] == [0]
    assert got["a"] == [1]
    assert play.held["out"][0].blank
    play.finish()
    assert play.fates == {"blanked": 1, "output": 1}


def test_a_frame_that_a_sink_failed_is_not_counted_as_output() -> None:
    play = Play(line())
    play.bring(1)
    play.grant()
    play.commit("out", verdict=Verdict.FAILED)
    assert play.fates == {"dropped": 1}
    assert play.ledger.dropped == {"out": 1}
    assert play.ledger.posts[1].commits == 0


def test_a_rejected_frame_counts_and_goes_no_further() -> None:
    play = Play(line("a"))
    play.bring(1)
    play.grant()
    play.commit("in", verdict=Verdict.REJECTED)
    play.bring(1)
    assert play.pass_on("a", 2) == [0, 2]
    assert play.pass_on("out", 2) == [0, 2]
    assert play.ledger.accepted == 3
    assert play.fates == {"rejected": 1, "output": 2}


def test_a_returned_frame_is_granted_again_and_nobody_is_blamed() -> None:
    play = Play(line("a"), unstaffed=("a",))
    play.join("a", "a1")
    play.bring(1)
    play.grant()
    slot = play.held["a1"][0].slot
    play.commit("a1", verdict=Verdict.RETURNED)
    assert play.ledger.slots[slot].tries == 0
    play.die("a1")
    play.join("a", "a2")
    assert play.grant()["a2"] == [0]


def test_a_slot_that_a_source_returns_is_free_and_no_frame_was_accepted() -> None:
    play = Play(line(), 2)
    play.grant()
    play.commit("in", verdict=Verdict.RETURNED)
    assert len(play.ledger.free) == 2
    assert play.ledger.accepted == 0


@pytest.mark.parametrize("credits", [1, 2])
def test_no_more_frames_than_the_limit_are_taken_in_even_if_some_are_rejected(credits: int) -> None:
    play = Play(line(credits=credits), 5, limit=3)
    for verdict in (Verdict.DONE, Verdict.REJECTED, Verdict.DONE):
        assert not play.ledger.full
        play.grant()
        play.commit("in", verdict=verdict)
    assert play.ledger.full
    play.grant()
    assert not play.held["in"]
    play.finish()
    assert play.fates == {"rejected": 1, "output": 2}


def test_a_source_that_comes_back_after_its_death_is_granted_up_to_the_limit() -> None:
    play = Play(line(credits=2), 5, limit=2)
    play.grant()
    play.die("in")
    play.join("in", "in")
    assert play.grant()["in"] == [-1, -1]


def test_a_closed_intake_grants_the_source_nothing_and_lets_the_rest_finish() -> None:
    play = Play(line("a"))
    play.bring(2)
    play.ledger.close_intake()
    assert "in" not in play.grant()
    play.finish()
    assert play.fates == {"output": 2}


def test_one_stage_alone_with_its_sink_needs_no_more_than_one_slot() -> None:
    ledger = Ledger([StageRule("in", ordered=True), StageRule("out", ordered=True)], 1)
    ledger.joined(0, 1)
    ledger.joined(1, 2)
    for index in range(3):
        (given,) = ledger.grants()
        ledger.committed(1, given.slot, given.generation, Verdict.DONE)
        (given,) = ledger.grants()
        assert (given.worker, given.index) == (2, index)
        ledger.committed(2, given.slot, given.generation, Verdict.DONE)
    assert ledger.fates == {"output": 3}
