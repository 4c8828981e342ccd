"""Raw pictures over TCP (S0-01, S0-02, S0-03, S0-06): shown to the byte, or never; silence, strangers, ports."""

from __future__ import annotations

import socket
import threading
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import SetupError
from stages.ingest import Auto
from stages.ingest.tcp import Tcp
from tests.clips import lend, number_of
from tests.live.senders import HEIGHT, WIDTH, image, reset

PIXELS = image(0).tobytes()


def test_every_picture_comes_to_the_byte_and_in_order(listen) -> None:
    tcp = listen(waits=1)
    tcp.send(image(number) for number in range(20))
    found = list(tcp.steps())
    assert [why for why, _, _ in found] == [""] * 20
    assert all(np.array_equal(shown, image(number)) for number, (_, _, shown) in enumerate(found))
    assert tcp.counts == {"senders": 1}


def test_the_picture_is_received_into_the_slot_itself(listen) -> None:
    tcp = listen()
    frame = lend(tcp.source, tcp.spec)
    received: list[int] = []
    tcp.send(image(number) for number in range(4))
    steps = tcp.source.frames()
    next(steps)
    original = socket.socket.recv_into

    class Spy(socket.socket):
        def recv_into(self, buffer, *rest):
            received.append(np.frombuffer(buffer, np.uint8).__array_interface__["data"][0])
            return original(self, buffer, *rest)

    next(steps)  # the second one was held beside
    inside = tcp.source._sender
    inside._connection = Spy(fileno=inside._connection.detach())
    next(steps)
    begin = frame.image.__array_interface__["data"][0]
    assert received
    assert all(begin <= place < begin + frame.image.nbytes for place in received)


@pytest.mark.fault("D4")
@pytest.mark.parametrize("how", [socket.socket.close, reset], ids=["closed", "reset"])
def test_half_a_picture_is_counted_and_never_shown(listen, how) -> None:
    tcp = listen()
    connection = tcp.connect(b"".join(image(number).tobytes() for number in range(3)))
    steps = tcp.steps()
    for number in range(2):
        assert number_of(next(steps)[2]) == number
    connection.sendall(image(3).tobytes()[: WIDTH * HEIGHT])
    assert number_of(next(steps)[2]) == 2
    how(connection)
    assert list(steps) == []
    assert tcp.counts["short frames"] == 1
    assert "went within a picture" in tcp.said[0]


@pytest.mark.fault("D4")
@pytest.mark.parametrize("tail", [b"", PIXELS[:1000]], ids=["between pictures", "within one"])
def test_who_falls_silent_is_closed_and_the_next_one_is_heard(listen, tail: bytes) -> None:
    tcp = listen(waits=2, silence=0.5)
    with tcp.connect(PIXELS * 3 + tail):
        steps = tcp.steps()
        assert [next(steps)[0] for _ in range(3)] == [""] * 3
        tcp.context.while_waiting[2] = lambda: tcp.send([image(8), image(9)])
        assert [number_of(shown) for _, _, shown in steps] == [8, 9]
    assert tcp.counts["timeouts"] == 1
    assert tcp.said[0].endswith("closed a sender that brought no whole picture for 0.5 s")


@pytest.mark.fault("D6")
def test_bytes_that_trickle_in_are_no_sender_for_ever(listen) -> None:
    tcp = listen(waits=2, silence=1.0)
    over = threading.Event()

    def trickle(connection: socket.socket) -> None:
        while not over.wait(0.05):
            try:
                connection.sendall(b"x" * 40)
            except OSError:
                return

    connection = tcp.connect()
    thread = threading.Thread(target=trickle, args=(connection,))
    thread.start()
    try:
        tcp.send([image(7), image(8)])
        assert [number_of(shown) for _, _, shown in tcp.steps()] == [7, 8]
    finally:
        over.set()
        thread.join()
        connection.close()
    assert tcp.counts["timeouts"] == 1


@pytest.mark.fault("D6")
def test_a_second_client_is_turned_away_while_one_sends(listen) -> None:
    tcp = listen()
    first = tcp.connect(PIXELS * 3)
    steps = tcp.steps()
    next(steps)
    with tcp.connect() as second:
        first.sendall(PIXELS * 2)
        next(steps)  # while both are connected
        first.close()
        assert len(list(steps)) == 3
        assert second.recv(1) == b""
    assert tcp.counts == {"senders": 1, "second clients": 1}
    assert "a second client was turned away" in tcp.said[0]


def test_who_comes_behind_one_that_brings_nothing_waits_for_his_turn(listen) -> None:
    tcp = listen(waits=2)
    scan = tcp.connect()
    tcp.send([image(5), image(6)])
    scan.close()
    assert [number_of(shown) for _, _, shown in tcp.steps()] == [5, 6]


GARBAGE = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost:5000\r\nAccept: */*\r\n\r\n",
    "a TLS greeting": bytes.fromhex("16030100c8010000c40303") + bytes(range(120)),
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6p1 Ubuntu-3\r\n",
    "next to nothing": b"\r\n",
}


@pytest.mark.fault("D6")
@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_no_video_is_closed_at_once_and_the_listener_lives_on(listen, what: str) -> None:
    tcp = listen(waits=2, silence=30)
    with tcp.connect(GARBAGE[what]) as connection:
        connection.shutdown(socket.SHUT_WR)
        tcp.send([image(1), image(2)])
        assert [number_of(shown) for _, _, shown in tcp.steps()] == [1, 2]
    assert tcp.counts == {"strangers": 1, "senders": 1}
    assert tcp.said == [f"tcp://127.0.0.1:{tcp.port}: closed a client that sent {what}"]


def test_one_sender_after_the_other_and_time_goes_on(listen) -> None:
    tcp = listen(waits=3)
    for turn, first in enumerate((0, 10, 20), 1):
        tcp.context.while_waiting[turn] = partial(tcp.send, [image(first + step) for step in range(3)])
    found = list(tcp.steps())
    assert [number_of(shown) for _, _, shown in found] == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    stamps = [pts for _, pts, _ in found]
    assert stamps == sorted(set(stamps))
    assert tcp.counts == {"senders": 3}
    assert tcp.context.states[:3] == ["waiting", "", "waiting"]


def test_the_rate_of_the_address_stamps_the_frames(listen) -> None:
    tcp = listen(f"width={WIDTH}&height={HEIGHT}&rate=30000/1001", waits=2)
    pictures = [image(number) for number in range(6)]
    tcp.context.while_waiting = dict.fromkeys((1, 2), lambda: tcp.send(pictures))
    stamps = [pts for _, pts, _ in tcp.steps()]
    assert tcp.spec.rate == Fraction(30000, 1001)
    assert np.diff(stamps)[:5].tolist() == [3003] * 5
    assert np.diff(stamps)[5] >= 3003
    assert np.diff(stamps)[6:].tolist() == [3003] * 5


def test_a_new_incarnation_goes_on_behind_the_last_frame(listen) -> None:
    tcp = listen(f"width={WIDTH}&height={HEIGHT}&rate=30")
    tcp.source.resume(40, 123_000)
    tcp.send([image(1), image(2)])
    stamps = [pts for _, pts, _ in tcp.steps()]
    assert stamps[0] > 123_000
    assert stamps[1] - stamps[0] == 3000


@pytest.mark.fault("D9")
def test_a_port_that_is_taken_is_told_with_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SetupError) as told:
            Tcp(input=f"tcp://127.0.0.1:{port}?width=64&height=48").open()
    said = str(told.value)
    assert f"port {port} is in use" in said
    assert "(process " in said
    assert said.endswith("take another one, or 0 for any")


@pytest.mark.parametrize(
    ("address", "says"),
    [("tcp://256.1.2.3:0", "no address of this machine"), ("tcp://192.0.2.1:0", "no address of this machine")],
)
def test_an_address_of_another_machine_is_told_as_such(address: str, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        Tcp(input=f"{address}?width=64&height=48").open()


def test_any_free_port_is_taken_and_told(listen) -> None:
    tcp = listen()
    assert tcp.port > 0
    assert f"tcp://127.0.0.1:{tcp.port}" in tcp.context.notes[0]


def test_nobody_came_is_told_with_the_line_that_sends(listen) -> None:
    tcp = listen(f"width={WIDTH}&height={HEIGHT}&rate=25", waits=0, timeout=0.3)
    with pytest.raises(SetupError) as told:
        list(tcp.steps())
    assert "nobody has connected within 0.3 s" in str(told.value)
    line = f"ffmpeg -i INPUT -s {WIDTH}x{HEIGHT} -r 25 -pix_fmt bgr24 -f rawvideo tcp://127.0.0.1:{tcp.port}"
    assert str(told.value).endswith(line)


def test_strangers_do_not_make_it_wait_for_ever(listen) -> None:
    tcp = listen(waits=0, timeout=0.5)
    over = threading.Event()

    def knock() -> None:
        while not over.wait(0.05):
            try:
                tcp.connect(b"hello").close()
            except OSError:
                return

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        with pytest.raises(SetupError, match="sent next to nothing"):
            list(tcp.steps())
    finally:
        over.set()
        thread.join()


def test_without_a_next_sender_the_run_ends_well(listen) -> None:
    tcp = listen(waits=0, give_up=0.3)
    tcp.send([image(0), image(1)])
    assert len(list(tcp.steps())) == 2


def test_it_hears_that_the_run_ends_while_it_waits_and_while_one_sends(listen) -> None:
    tcp = listen(waits=0)
    with tcp.connect(PIXELS * 2 + PIXELS[:500]):
        steps = tcp.steps()
        next(steps)
        next(steps)
        tcp.context.leaving = True
        assert list(steps) == []
    assert "short frames" not in tcp.counts


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://0.0.0.0", "has no port"),
        ("tcp://0.0.0.0:99999", "not a number from 0 to 65535"),
        ("tcp://h:1?width=640", "width and height belong together"),
        ("tcp://h:1?width=640&height=x", "height=x is not a number of pixels"),
        ("tcp://h:1?width=640&height=8", "height=8 is not a number of pixels"),
        ("tcp://h:1?width=640&height=480&rate=0", "rate=0 is not a rate"),
        ("tcp://h:1?width=640&height=480&rate=1e9999999", "is not a rate"),
        ("tcp://h:1?size=640x480", "'size' is none of height, rate, width"),
        ("tcp://h:1?width=1&width=2", "says something twice"),
        ("tcp://user:word@h:1", "not of the form"),
        ("udp://h:1", "not of the form"),
    ],
)
def test_a_wrong_address_is_refused_before_anything_runs(address: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Tcp(input=address)


def test_tcp_addresses_are_for_this_source() -> None:
    assert Auto.pick("tcp://0.0.0.0:5000?width=1280&height=720") is Tcp


def test_a_listener_is_let_go(listen) -> None:
    tcp = listen()
    port = tcp.port
    tcp.close()
    with socket.socket() as late:
        assert late.connect_ex(("127.0.0.1", port)) != 0
