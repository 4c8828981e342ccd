"""The link alone: what is sent, what is dropped and counted, and where a key frame is wanted."""

from __future__ import annotations

import threading
from typing import Any

from stages.ingest.backoff import Backoff
from stages.output.push_carrier import CarrierError
from stages.output.push_link import Link
from tests.waiting import wait_until


class Packet:
    def __init__(self, number: int, *, key: bool = False) -> None:
        self.number, self.is_keyframe = number, key


class Remote:
    """A connection that takes packets while `going` is set."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.going = threading.Event()
        self.broken = self.ended = False

    def send(self, packet: Any) -> None:
        assert self.going.wait(20)
        if self.broken:
            raise CarrierError("has gone")
        self.taken.append(packet.number)

    def end(self, *, gently: bool) -> None:
        self.ended = True
        assert gently != self.broken


def linked(*remotes: Remote, most: int = 4) -> Link:
    waiting = iter(remotes)

    def connect(*_: Any) -> Remote:
        found = next(waiting, None)
        if found is None:
            raise CarrierError("nobody there")
        return found

    link = Link(connect, most, Backoff(0.001, 0.01))
    wait_until(lambda: link.up)
    return link


def test_when_too_many_wait_all_are_dropped_and_the_next_one_taken_is_a_key_frame() -> None:
    remote = Remote()
    link = linked(remote)
    link.put(Packet(0, key=True))
    wait_until(lambda: not link._waiting)  # it is being sent
    for number in range(1, 6):
        link.put(Packet(number))
    assert link.wants_key
    assert link.dropped == 5
    link.put(Packet(6))
    link.put(Packet(7, key=True))
    link.put(Packet(8))
    remote.going.set()
    link.finish()
    wait_until(lambda: link.ended)
    assert remote.taken == [0, 7, 8]
    assert link.dropped == 6
    assert link.sent + link.dropped == 9
    assert remote.ended


def test_a_new_connection_begins_with_a_key_frame_and_each_packet_is_sent_or_counted() -> None:
    first, second = Remote(), Remote()
    link = linked(first, second)
    first.broken = True
    for number in range(3):
        link.put(Packet(number, key=number == 0))
    first.going.set()
    wait_until(lambda: link.connections == 2)
    second.going.set()
    for number in range(3, 6):
        link.put(Packet(number, key=number == 4))
    link.finish()
    wait_until(lambda: link.ended)
    assert second.taken == [4, 5]
    assert link.sent + link.dropped == 6
    assert first.ended
    assert link.trouble == "has gone"
