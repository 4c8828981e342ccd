"""Pictures over HTTP: who gets which, who is let in, and that nobody who is slow holds up anybody."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from http import HTTPStatus
from io import BytesIO

import av
import numpy as np
import pytest

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import News
from stages.output import Auto
from stages.output.mjpeg import Mjpeg
from stages.output.mjpeg_server import BOUNDARY, MOST
from tests.clips import number_of, picture
from tests.waiting import wait_until

SPEC = FrameSpec(width=320, height=240, rate=Fraction(25), time_base=Fraction(1, 25), live=True)


def frame_of(number: int) -> Frame:
    clean = picture(number % 256, SPEC.width, SPEC.height)
    clean.flags.writeable = False
    return Frame({"clean": clean}, index=number, pts=number)


@contextmanager
def serving(**options) -> Iterator[Mjpeg]:
    sink = Mjpeg(output="http://127.0.0.1:0/", **options)
    sink.setup(SPEC)
    try:
        yield sink
    finally:
        sink.close()


def port_of(sink: Mjpeg) -> int:
    return int(sink.context.notes[0].rstrip("/").rpartition(":")[2])


def decoded(jpeg: bytes) -> Image:
    with av.open(BytesIO(jpeg), format="jpeg_pipe") as box:
        return next(box.decode(video=0)).to_ndarray(format="bgr24")


class Watcher:
    """A program that takes the stream apart by itself."""

    def __init__(self, port: int, path: str = "/") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connection.request("GET", path, headers={"Accept": "image/*"})
        self.answer = self.connection.getresponse()

    def picture(self) -> bytes:
        while not (line := self._line()).lower().startswith(b"content-length:"):
            assert line in (b"", f"--{BOUNDARY}".encode(), b"Content-Type: image/jpeg"), line
        assert self.answer.readline() == b"\r\n"
        return self.answer.read(int(line.partition(b":")[2]))

    def _line(self) -> bytes:
        line = self.answer.readline()
        if not line:
            raise ConnectionError("the stream has ended")
        return line.strip()

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def watching(sink: Mjpeg, number: int) -> Callable[[], bool]:
    assert sink._server is not None
    server = sink._server
    return lambda: server._watchers == number


def test_each_watcher_gets_each_picture_that_he_has_time_for() -> None:
    with serving() as sink:
        watchers = [Watcher(port_of(sink)) for _ in range(3)]
        wait_until(watching(sink, 3))
        assert watchers[0].answer.getheader("Content-Type") == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        for number in range(20):
            sink.write(frame_of(number))
            for watcher in watchers:
                assert number_of(decoded(watcher.picture())) == number
        for watcher in watchers:
            watcher.close()
        wait_until(lambda: not_watched(sink))


def not_watched(sink: Mjpeg) -> bool:
    sink.write(frame_of(0))  # one who has gone is noticed when there is something to tell him
    return watching(sink, 0)()


def test_nothing_is_encoded_and_nothing_is_kept_while_nobody_watches() -> None:
    with serving() as sink:
        for number in range(10):
            sink.write(frame_of(number))
        assert sink.finish()["pictures"] == 0
    with serving() as sink:
        watcher = Watcher(port_of(sink))
        wait_until(watching(sink, 1))
        sink.write(frame_of(1))
        watcher.picture()
        assert sink._server is not None
        assert sink._server._picture
        watcher.close()
        wait_until(lambda: not_watched(sink))
        assert sink._server._picture == b""


def test_a_picture_is_encoded_once_for_all_who_watch() -> None:
    with serving() as sink:
        watchers = [Watcher(port_of(sink)) for _ in range(4)]
        wait_until(watching(sink, 4))
        sink.write(frame_of(7))
        assert len({watcher.picture() for watcher in watchers}) == 1
        assert sink.finish()["pictures"] == 1
        for watcher in watchers:
            watcher.close()


def test_one_who_reads_nothing_slows_neither_the_run_nor_the_others_and_is_left_in_the_end(monkeypatch) -> None:
    monkeypatch.setattr("stages.output.mjpeg_server.PATIENCE_S", 1.0)
    with serving(quality=100) as sink:
        asleep = socket.create_connection(("127.0.0.1", port_of(sink)))
        asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asleep.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        watcher = Watcher(port_of(sink))
        wait_until(watching(sink, 2))
        noise = np.random.default_rng(3).integers(0, 256, (240, 320, 3), np.uint8)
        longest, number = 0.0, 0
        while not watching(sink, 1)():
            begun = time.monotonic()
            sink.write(Frame({"clean": noise}, index=number))
            longest = max(longest, time.monotonic() - begun)
            assert watcher.picture()[:2] == b"\xff\xd8"
            number += 1
        assert longest < 0.9  # less than the patience that the sleeper was shown
        wait_until(lambda: counted(sink) == {"watchers left for taking no picture": 1})
        asleep.close()
        watcher.close()


def counted(sink: Mjpeg) -> dict[str, int]:
    sink.idle()
    return dict(sink.context.counts)


def test_a_slow_one_gets_the_newest_picture_and_not_those_that_he_missed() -> None:
    with serving() as sink:
        watcher = Watcher(port_of(sink))
        wait_until(watching(sink, 1))
        sink.write(frame_of(0))
        assert number_of(decoded(watcher.picture())) == 0
        assert sink._server is not None
        for number in range(1, 251):  # in one turn of the server's loop, as if he had slept meanwhile
            jpeg = sink._still.encode(frame_of(number).clean)
            sink._server._loop.call_soon_threadsafe(sink._server._take, jpeg)
        seen = [0]
        while seen[-1] != 250:
            seen.append(number_of(decoded(watcher.picture())))
        assert seen == sorted(set(seen))
        watcher.close()


def test_a_snapshot_is_one_picture_of_now_even_where_nobody_watched_before() -> None:
    with serving() as sink:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(sink), timeout=10)
        connection.request("GET", "/snapshot.jpg")
        wait_until(watching(sink, 1))
        sink.write(frame_of(42))
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "image/jpeg"
        assert number_of(decoded(answer.read())) == 42
        connection.close()


def test_without_frames_a_notice_is_shown_and_never_the_last_picture(monkeypatch) -> None:
    with serving() as sink:
        watcher = Watcher(port_of(sink))
        wait_until(watching(sink, 1))
        sink.write(frame_of(5))
        bright = decoded(watcher.picture())
        sink.idle()
        assert sink._encoded == 1
        assert sink._said == 0.0
        sink._context.news = News(source="reconnecting")
        sink._came -= 0.6
        sink.idle()
        dark = decoded(watcher.picture())
        assert dark.shape == bright.shape
        assert np.median(dark) < 40 < bright.mean()
        assert (dark > 150).any()  # something stands there
        sink._context.news = News()
        sink.idle()
        sink._said -= 1.1
        sink.idle()  # the source says nothing, but no frame has come for less than two seconds
        sink._came -= 2
        sink.idle()
        assert np.median(decoded(watcher.picture())) < 40
        sink.write(frame_of(6))
        assert number_of(decoded(watcher.picture())) == 6
        watcher.close()


def test_a_browser_gets_a_page_with_the_stream_in_it() -> None:
    with serving() as sink:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(sink), timeout=10)
        connection.request("GET", "/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        answer = connection.getresponse()
        page = answer.read().decode()
        assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
        assert '<img src="?stream"' in page
        assert "default-src 'none'" in answer.getheader("Content-Security-Policy")
        connection.close()
        watcher = Watcher(port_of(sink), "/?stream")
        assert watcher.answer.status == 200
        watcher.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 421),
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a" * 9000 + b"\r\n\r\n", 431),
    ],
)
def test_whatever_else_is_asked_for_is_refused(request_: bytes, status: int) -> None:
    with serving() as sink, socket.create_connection(("127.0.0.1", port_of(sink)), timeout=10) as asking:
        asking.sendall(request_)
        assert asking.recv(100).split(b" ")[1] == str(status).encode()


def test_more_watchers_than_there_is_room_for_are_turned_away_and_counted() -> None:
    with serving() as sink:
        watchers = [Watcher(port_of(sink)) for _ in range(MOST)]
        wait_until(watching(sink, MOST))
        ninth = Watcher(port_of(sink))
        assert ninth.answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert counted(sink) == {"watchers turned away": 1}
        for watcher in (*watchers, ninth):
            watcher.close()


def test_those_who_never_finish_asking_are_few_and_do_not_stay(monkeypatch) -> None:
    monkeypatch.setattr("stages.output.mjpeg_server.ASKING_S", 0.5)
    with serving() as sink:
        silent = [socket.create_connection(("127.0.0.1", port_of(sink)), timeout=10) for _ in range(40)]
        assert {told(one) for one in silent} == {"408", "gone"}  # beyond MOST + GUESTS nobody is even listened to
        watcher = Watcher(port_of(sink))
        assert watcher.answer.status == 200
        watcher.close()


def told(asking: socket.socket) -> str:
    """The number in its answer."""
    with asking:
        try:
            return asking.recv(100).split(b" ")[1].decode()
        except (ConnectionError, IndexError):
            return "gone"


def test_a_port_in_use_is_said_before_the_run() -> None:
    with serving() as sink, pytest.raises(SetupError, match="another program serves there"):
        Mjpeg(output=f"http://127.0.0.1:{port_of(sink)}/").setup(SPEC)


def test_an_output_that_begins_with_http_is_served() -> None:
    assert Auto.pick("http://127.0.0.1:8090/") is Mjpeg
