"""The ledger when frames are dropped, when the way forks, and when a run is given up."""

from __future__ import annotations

import random

import pytest

from pipeline.ledger import StageRule, Verdict
from tests.ledgers import FORK, Play, check_sums, line


def live(*middle: str, slots: int = 4, ordered: tuple[str, ...] = (), **options: object) -> Play:
    return Play(line(*middle, ordered=ordered), slots, on_full="drop_oldest", **options)


@pytest.mark.fault("B1")
def test_an_idle_worker_gets_the_newest_frame_and_the_older_ones_are_free() -> None:
    play = live("a", slots=5)
    play.bring(1)
    assert play.grant()["a"] == [0]
    play.bring(3)
    play.commit("a")
    assert play.grant()["a"] == [3]
    assert play.ledger.dropped == {"a": 2}


@pytest.mark.fault("B1")
def test_a_live_source_never_waits_while_any_frame_only_waits() -> None:
    play = live("a", slots=3)
    play.bring(20)
    assert play.grant() == {"in": [-1]}
    assert play.held["a"][0].index == 0
    assert play.ledger.dropped == {"a": 18}


def test_a_live_source_waits_when_every_slot_is_in_somebodys_hands() -> None:
    play = live("a", slots=2)
    play.bring(1)
    play.pass_on("a")
    play.bring(1)
    play.grant()
    assert (len(play.held["a"]), len(play.held["out"])) == (1, 1)
    assert "in" not in play.grant()
    play.commit("out")
    assert play.grant() == {"in": [-1]}


def test_an_ordered_stage_takes_the_newest_but_never_jumps_over_a_frame_under_way() -> None:
    play = live("a", slots=8, unstaffed=("a", "out"))
    for worker in ("a1", "a2", "a3"):
        play.join("a", worker)
        play.bring(1)
    play.grant()
    play.commit("a1", "a3")
    play.join("out", "out")
    assert play.grant()["out"] == [0], "frame 1 is still under way: frame 2 has to wait, frame 0 is not dropped"
    play.commit("a2")
    play.commit("out")
    assert play.grant()["out"] == [2], "now frame 1 can be dropped for the newer one"
    assert play.ledger.dropped == {"out": 1}


def test_a_frame_that_came_back_from_the_dead_is_still_put_in_order() -> None:
    play = live("a", slots=8, unstaffed=("a",))
    play.join("a", "a1")
    play.bring(1)
    play.join("a", "a2")
    play.grant()
    play.bring(1)
    play.grant()
    play.commit("a2")
    assert "out" not in play.grant()
    play.die("a1")
    assert play.grant()["a2"] == [0]
    play.commit("a2")
    assert play.grant()["out"] == [1]
    assert play.ledger.dropped == {"out": 1}


def test_a_stage_that_keeps_state_gets_its_frames_in_order_with_those_missing_that_were_dropped() -> None:
    play = live("a", "state", slots=6, ordered=("state",))
    seen = []
    for step in range(40):
        play.bring(1)
        play.grant()
        if play.held["a"] and step % 2:
            play.commit("a")
        if play.held["state"] and step % 3 == 0:
            seen.append(play.held["state"][0].index)
            play.commit("state")
    assert seen == sorted(set(seen))
    assert len(seen) > 5
    play.finish()


def test_both_branches_read_one_slot_at_the_same_time_and_it_is_freed_after_the_last() -> None:
    play = Play(FORK, 1)
    play.bring(1)
    assert play.grant() == {"left": [0], "right": [0]}
    assert play.held["left"][0].slot == play.held["right"][0].slot
    assert play.held["left"][0].generation != play.held["right"][0].generation
    play.commit("left")
    play.pass_on("left out")
    assert play.ledger.free == []
    play.commit("right")
    play.pass_on("right out")
    assert play.fates == {"output": 1}
    assert play.ledger.free == [0]


def test_one_slot_may_be_read_by_two_sinks_of_one_stage() -> None:
    rules = [
        StageRule("in", ordered=True),
        StageRule("a"),
        StageRule("file", ordered=True),
        StageRule("view", after="a", ordered=True),
    ]
    play = Play(rules, 2)
    play.bring(1)
    play.pass_on("a")
    assert play.grant() == {"file": [0], "view": [0]}
    play.commit("file", "view")
    assert play.fates == {"output": 1}


def test_a_frame_dropped_in_one_branch_and_shown_in_the_other_is_output() -> None:
    play = Play(FORK, 6, on_full="drop_oldest")
    play.bring(1)
    play.grant()
    play.commit("left")
    play.bring(2)
    play.pass_on("left out")
    play.commit("left") if play.held["left"] else None
    play.commit("right")
    play.grant()
    assert play.held["right"][0].index == 2, "frame 1 was dropped on the right"
    play.finish()
    assert sum(play.fates.values()) == 3
    assert play.ledger.idle


def test_what_a_slow_sink_does_not_get_is_missed_there_and_no_loss_of_the_run() -> None:
    rules = [StageRule("in", None, True), StageRule("file", "in", True), StageRule("view", "in", True)]
    play = Play(rules, 4, on_full="drop_oldest")
    for _ in range(5):
        play.bring(1)
        play.pass_on("file")
    assert play.held["view"][0].index == 0, "it is still at the first"
    play.commit("view")
    assert play.grant()["view"] == [4]
    play.finish()
    assert play.fates == {"output": 5}
    assert play.ledger.missed == {"view": 3}
    assert not play.ledger.dropped


def test_a_live_source_gets_a_slot_at_once_even_where_the_oldest_frame_waits_in_two_branches() -> None:
    play = Play(FORK, 2, on_full="drop_oldest", unstaffed=("left", "right"))
    play.bring(10)
    assert play.grant() == {"in": [-1]}
    assert play.fates["dropped"] == 9


def test_a_branch_that_fails_blanks_the_frame_for_the_others_that_have_not_shown_it_yet() -> None:
    play = Play(FORK, 2)
    play.bring(1)
    play.grant()
    play.commit("right")
    play.pass_on("right out")
    play.commit("left", verdict=Verdict.FAILED)
    assert play.grant()["left out"] == [0]
    assert play.held["left out"][0].blank
    play.finish()
    assert play.fates == {"blanked": 1}


@pytest.mark.parametrize("verdict", [Verdict.DONE, Verdict.FAILED, Verdict.RETURNED])
def test_a_worker_that_comes_late_with_a_frame_gone_out_blank_frees_its_slot(verdict: Verdict) -> None:
    play = Play(FORK, 2)
    play.bring(1)
    play.grant()
    play.commit("right", verdict=Verdict.FAILED)
    play.pass_on("left out")
    play.pass_on("right out")
    assert not play.ledger.idle, "the left one still holds it"
    play.commit("left", verdict=verdict)
    assert play.ledger.idle
    assert play.fates == {"blanked": 1}


def test_a_worker_that_dies_with_a_frame_gone_out_blank_frees_its_slot() -> None:
    play = Play(FORK, 2)
    play.bring(1)
    play.grant()
    play.commit("right", verdict=Verdict.FAILED)
    play.pass_on("left out")
    play.pass_on("right out")
    play.die("left")
    assert play.ledger.idle
    assert play.fates == {"blanked": 1}


def test_what_nobody_holds_is_dropped_where_it_waits_when_a_run_is_given_up() -> None:
    play = Play(line("a", "b"), 5)
    play.bring(4)
    play.pass_on("a")
    play.grant()
    play.ledger.abandon()
    check_sums(play.ledger)
    assert play.ledger.dropped == {"a": 2}
    assert len(play.ledger.live) == 2, "those that somebody holds stay"
    play.die("b")
    play.commit("a")
    play.ledger.abandon()
    assert play.ledger.dropped == {"a": 2, "b": 2}
    play.finish()


def test_giving_up_drops_a_frame_in_every_branch() -> None:
    play = Play(FORK, 3, unstaffed=("left", "right"))
    play.bring(3)
    play.ledger.abandon()
    assert play.ledger.idle or play.held["in"]
    assert play.fates == {"dropped": 3}


@pytest.mark.parametrize("on_full", ["block", "drop_oldest"])
@pytest.mark.parametrize("rules", [line("a", "b", ordered=("b",)), FORK], ids=["line", "fork"])
def test_the_fates_add_up_at_every_moment_of_a_long_random_run(rules: list[StageRule], on_full: str) -> None:
    seed = random.randrange(1 << 30)
    print(f"{seed = }")
    chance = random.Random(seed)
    play = Play(rules, 5, on_full=on_full)
    for _ in range(3000):
        play.grant()
        worker = chance.choice(list(play.held))
        if play.held[worker] and chance.random() < 0.9:
            odd = [Verdict.REJECTED if worker == "in" else Verdict.FAILED, Verdict.RETURNED]
            if "out" in worker:
                odd = [Verdict.RETURNED]
            play.commit(worker, verdict=chance.choice(odd) if chance.random() < 0.1 else Verdict.DONE)
        elif chance.random() < 0.2:
            play.die(worker)
            play.join(worker, worker)
    play.finish()
    assert play.ledger.accepted > 100
    if on_full == "block":
        assert not play.ledger.fates["dropped"]
