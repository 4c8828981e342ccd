"""The lifeline: orders, descriptors, and the news of a death."""

from __future__ import annotations

import os

import pytest

from pipeline.lifeline import MAX_FDS, Lifeline, Orders

ORDERS = Orders(endpoint="ipc:///tmp/x", identity="seg-0-abc", stage="seg", number=0, parent=1)


def test_orders_arrive_as_they_were_sent() -> None:
    ours, theirs = Lifeline.pair()
    ours.send_orders(ORDERS)
    assert theirs.receive_orders() == ORDERS
    ours.close()
    theirs.close()


def test_descriptors_arrive_in_order_and_are_the_same_memory() -> None:
    ours, theirs = Lifeline.pair()
    fds = [os.memfd_create(name) for name in ("one", "two")]
    for fd, text in zip(fds, (b"first", b"second"), strict=True):
        os.write(fd, text)
    ours.send_fds(fds)
    received = theirs.receive_fds(2)
    assert [os.pread(fd, 10, 0) for fd in received] == [b"first", b"second"]
    for fd in (*fds, *received):
        os.close(fd)
    ours.close()
    theirs.close()


def test_two_batches_of_descriptors_are_not_mixed() -> None:
    ours, theirs = Lifeline.pair()
    fds = [os.memfd_create(str(number)) for number in range(3)]
    ours.send_fds(fds[:1])
    ours.send_fds(fds[1:])
    first, second = theirs.receive_fds(1), theirs.receive_fds(2)
    for fd in (*fds, *first, *second):
        os.close(fd)
    ours.close()
    theirs.close()


def test_a_wrong_number_of_descriptors_is_an_error() -> None:
    ours, theirs = Lifeline.pair()
    fd = os.memfd_create("x")
    ours.send_fds([fd])
    with pytest.raises(OSError, match="expected 2 descriptors, got 1"):
        theirs.receive_fds(2)
    os.close(fd)
    ours.close()
    theirs.close()


def test_descriptors_for_somebody_who_has_gone_are_an_error_at_once() -> None:
    ours, theirs = Lifeline.pair()
    theirs.close()
    with pytest.raises(OSError, match="Broken pipe"):
        ours.send_fds([0])
    ours.close()


def test_sending_to_somebody_who_reads_nothing_never_blocks() -> None:
    ours, theirs = Lifeline.pair()

    def send_for_ever() -> None:
        while True:
            ours.send_fds([0])

    with pytest.raises(OSError, match=r"temporarily unavailable|Too many references"):
        send_for_ever()
    ours.close()
    theirs.close()


def test_descriptors_that_were_not_wanted_are_closed() -> None:
    ours, theirs = Lifeline.pair()
    before = set(os.listdir("/proc/self/fd"))
    ours.send_fds([0, 0, 0])
    with pytest.raises(OSError, match="expected 2 descriptors, got 3"):
        theirs.receive_fds(2)
    assert set(os.listdir("/proc/self/fd")) == before
    ours.close()
    theirs.close()


def test_news_of_a_death_come_after_what_was_sent_before() -> None:
    ours, theirs = Lifeline.pair()
    ours.send_orders(ORDERS)
    ours.close()
    assert not theirs.is_cut(), "there is still something to read"
    assert theirs.receive_orders() == ORDERS
    assert theirs.is_cut()
    theirs.close()


def test_it_is_cut_when_the_other_side_is_gone_and_not_before() -> None:
    ours, theirs = Lifeline.pair()
    assert not theirs.is_cut()
    ours.close()
    assert theirs.is_cut()
    theirs.close()


def test_more_descriptors_than_fit_are_refused_before_they_are_sent() -> None:
    ours, theirs = Lifeline.pair()
    with pytest.raises(ValueError, match=str(MAX_FDS)):
        ours.send_fds([0] * (MAX_FDS + 1))
    ours.close()
    theirs.close()
