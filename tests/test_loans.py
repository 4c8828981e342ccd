"""Frames that are lent beside the granted one: which, for how long, and what becomes of their slots."""

from __future__ import annotations

from dataclasses import replace

from pipeline.ledger import StageRule, Verdict
from tests.ledgers import Play, line

LEARN = StageRule("learn", ordered=True, recalls_from="fill", lag=2)


def learning(slots: int = 6, **options: object) -> Play:
    """in -> learn, which sees what fill made of the frame two before -> fill -> out."""
    source, *_, fill, sink = line("fill")
    return Play([source, LEARN, fill, sink], slots, **options)


def looking(later: int, slots: int = 8, **options: object) -> Play:
    """in -> find -> track, which sees so many later frames -> out."""
    source, find, track, sink = line("find", "track", ordered=("track",))
    return Play([source, find, replace(track, later=later), sink], slots, **options)


def seen(play: Play, worker: str = "learn") -> int | None:
    """The finished frame that goes with what a worker holds."""
    finished = play.held[worker][0].finished
    return None if finished is None else finished.index


def test_a_frame_is_granted_when_the_one_so_long_before_is_finished() -> None:
    play = learning()
    play.bring(3)
    assert play.pass_on("learn", 2) == [0, 1]
    assert "learn" not in play.grant(), "frame 0 is not finished"
    play.pass_on("fill")
    assert play.grant()["learn"] == [2]
    assert seen(play) == 0
    assert play.held["learn"][0].finished.stamp == play.ledger.slots[play.held["learn"][0].finished.slot].stamp


def test_a_slot_is_kept_until_its_frame_has_been_seen_and_its_fate_is_not() -> None:
    play = learning()
    play.bring(3)
    for worker in ("learn", "fill", "out"):
        play.pass_on(worker, 2)
    assert (play.fates, play.ledger.kept.keys()) == ({"output": 2}, {0, 1})
    assert seen(play) == 0
    play.commit("learn")
    play.grant()
    assert play.ledger.kept.keys() == {1}
    play.finish()
    assert not play.ledger.kept


def test_who_takes_the_place_of_a_dead_one_sees_the_same() -> None:
    play = learning()
    play.bring(3)
    for worker in ("learn", "fill", "out"):
        play.pass_on(worker, 2)
    first = play.held["learn"][0].finished
    play.die("learn")
    play.join("learn", "learn")
    assert play.grant()["learn"] == [2]
    assert play.held["learn"][0].finished == first


def test_what_will_never_be_finished_is_not_waited_for() -> None:
    play = learning()
    play.bring(3)
    play.pass_on("learn", 2)
    play.grant()
    play.commit("fill", verdict=Verdict.FAILED)
    assert play.grant()["learn"] == [2]
    assert seen(play) is None


def test_of_a_live_stream_it_sees_the_newest_once() -> None:
    play = learning(9, on_full="drop_oldest")
    for _ in range(2):
        play.bring(1)
        play.pass_on("learn")
        play.pass_on("fill")
    play.bring(1)
    play.grant()
    assert seen(play) == 1
    play.commit("learn")
    play.bring(1)
    assert play.grant()["learn"] == [3]
    assert seen(play) is None, "it has had it"
    play.pass_on("fill")
    play.die("learn")
    play.join("learn", "learn")
    play.grant()
    assert seen(play) == 2


def test_of_a_live_stream_one_frame_is_kept_and_given_up_when_the_source_needs_it() -> None:
    play = learning(3, on_full="drop_oldest")
    play.bring(1)
    for worker in ("learn", "fill", "out"):
        play.pass_on(worker)
    assert play.ledger.kept.keys() == {0}
    play.ledger.hold(1)
    play.bring(1)
    assert play.ledger.kept.keys() == {0}, "there is room"
    play.bring(4)
    assert play.ledger.kept.keys() == {0}, "what only waits goes first"
    assert play.ledger.dropped == {"learn": 3}
    play.ledger.release(1)
    play.grant()
    assert seen(play) == 0


def test_the_last_slot_of_a_live_source_is_not_kept_for_anybody() -> None:
    play = learning(2, on_full="drop_oldest", unstaffed=("learn",))
    play.join("learn", "learn")
    play.bring(1)
    for worker in ("learn", "fill", "out"):
        play.pass_on(worker)
    play.bring(1)
    play.grant()  # learn holds one and reads the other
    assert seen(play) == 0
    assert "in" not in play.held or not play.held["in"], "nobody else gets what it reads"
    play.commit("learn")
    play.grant()
    assert play.held["in"]


def test_what_follows_is_lent_when_all_of_it_has_come_so_far() -> None:
    play = looking(2)
    play.bring(4)
    play.pass_on("find", 2)
    assert "track" not in play.grant()
    play.pass_on("find")
    play.grant()
    assert [loan.index for loan in play.held["track"][0].later] == [1, 2]


def test_the_last_frames_see_fewer() -> None:
    play = looking(2)
    play.bring(2)
    play.pass_on("find", 2)
    play.ledger.close_intake()
    play.grant()
    assert not play.held["track"], "the source may still bring one"
    play.commit("in", verdict=Verdict.RETURNED)
    play.grant()
    assert [loan.index for loan in play.held["track"][0].later] == [1]
    play.commit("track")
    play.grant()
    assert play.held["track"][0].later == ()


def test_a_frame_that_is_given_up_while_it_is_lent_keeps_its_slot() -> None:
    play = looking(1)
    play.bring(2)
    play.pass_on("find", 2)
    play.grant()
    lent = play.held["track"][0].later[0].slot
    play.ledger.abandon()
    assert lent not in play.ledger.free
    play.commit("track")
    play.grant()
    assert lent in play.ledger.free


def test_a_live_source_in_a_hurry_does_not_take_what_a_look_ahead_waits_for() -> None:
    play = looking(2, slots=6, on_full="drop_oldest")
    play.bring(2)
    play.pass_on("find", 2)
    play.bring(1)
    play.grant()  # find is at work, and slow
    play.bring(20)
    play.commit("find")
    assert play.grant()["track"] == [0]
    assert [loan.index for loan in play.held["track"][0].later] == [1, 2]


def test_slots_that_are_all_shut_or_lent_are_too_few() -> None:
    play = learning(5)
    assert not play.ledger.starved
    play.bring(3)
    play.ledger.quarantine(play.numbers["learn"])
    assert not play.ledger.starved, "four are left, two are lent"
    for worker in ("second", "third"):
        play.join("learn", worker)
        play.grant()
        play.ledger.quarantine(play.numbers[worker])
    assert play.ledger.starved
