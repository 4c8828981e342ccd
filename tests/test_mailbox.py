"""From the thread that reads to the one that works, and at which pace."""

from __future__ import annotations

import threading

import pytest

from stages.ingest.mailbox import Mailbox
from stages.ingest.pace import JUMP_S, Pace
from tests.waiting import wait_until


def test_who_keeps_up_gets_everything_in_order() -> None:
    box: Mailbox[int] = Mailbox()
    for number in range(10):
        box.put(number)
        assert box.take(0) == number
    assert box.overwritten() == 0


def test_two_at_once_are_both_kept() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.put(2)
    assert (box.take(0), box.take(0), box.take(0)) == (1, 2, None)


def test_who_does_not_keep_up_gets_the_newest_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox(room=3)
    for number in range(100):
        box.put(number)
    first = box.take(0)
    assert first is not None
    assert first >= 97
    rest = [thing for thing in iter(lambda: box.take(0), None)]
    assert [first, *rest] == list(range(first, 100))
    assert box.overwritten() == 100 - 1 - len(rest)
    assert box.overwritten() == 0, "said once"


def test_who_waits_is_woken() -> None:
    box: Mailbox[str] = Mailbox()
    found: list[str | None] = []
    waiting = threading.Thread(target=lambda: found.append(box.take(30)))
    waiting.start()
    box.put("here")
    waiting.join(10)
    assert found == ["here"]
    wait_until(lambda: not waiting.is_alive())


class Bed:
    """A clock that goes forward by sleeping on it."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_pictures_that_come_all_at_once_are_shown_one_by_one() -> None:
    bed = Bed()
    pace = Pace(bed.sleep, bed)
    for number in range(4):
        pace.wait(7 + number * 0.5)
    assert bed.slept == pytest.approx([0.5, 0.5, 0.5])


def test_what_is_late_is_not_held_back() -> None:
    bed = Bed()
    pace = Pace(bed.sleep, bed)
    pace.wait(0.0)
    bed.now += 3
    pace.wait(1.0)
    pace.wait(2.0)
    pace.wait(4.0)
    assert bed.slept == pytest.approx([1.0])


@pytest.mark.parametrize("jump", [-1000.0, 1000.0])
def test_a_clock_that_jumps_costs_no_wait(jump: float) -> None:
    bed = Bed()
    pace = Pace(bed.sleep, bed)
    pace.wait(0.0)
    pace.wait(jump)
    pace.wait(jump + 0.1)
    assert abs(jump) > JUMP_S
    assert bed.slept == pytest.approx([0.1])
