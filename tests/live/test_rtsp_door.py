"""RTSP through a door: to the one server that was named, whatever that one says."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from pipeline.errors import SetupError
from stages.ingest.rtsp_watch import Strayed, Watch
from stages.ingest.stream import Stream
from tests.live.barcodes import number_of
from tests.live.servers import answering, rtsp
from tests.live.watching import watching
from tests.thorough import rarely

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


def data(payload: bytes) -> bytes:
    return b"$" + struct.pack(">BH", 0, len(payload)) + payload


def sequence_of(request: bytes) -> bytes:
    return next(line for line in request.split(b"\r\n") if line.startswith(b"CSeq"))


@pytest.mark.fault("H7")
@pytest.mark.parametrize("code", [302, *rarely(301, 303, 305, 399)])
def test_a_server_that_sends_on_to_loopback_is_left(code: int) -> None:
    with answering(lambda request: b"RTSP/1.0 404 No\r\n" + sequence_of(request) + b"\r\n\r\n") as (inner, heard):
        where = b"Location: rtsp://127.0.0.1:%d/secret" % inner

        def onward(request: bytes) -> bytes:
            return b"RTSP/1.0 %d Moved\r\n%s\r\n%s\r\n\r\n" % (code, sequence_of(request), where)

        with answering(onward) as (outer, _):
            source = Stream(input=f"rtsp://127.0.0.1:{outer}/x", direct=True, timeout=3, silence=1)
            with pytest.raises(SetupError, match="sends on to another address"):
                source.open()
            assert heard == []


def test_without_the_door_ffmpeg_would_go_there() -> None:
    """What the door is for: should this fail one day, it is not needed any more."""
    with answering(lambda request: b"RTSP/1.0 404 No\r\n" + sequence_of(request) + b"\r\n\r\n") as (inner, heard):
        where = b"Location: rtsp://127.0.0.1:%d/secret" % inner
        moved = b"RTSP/1.0 302 M\r\n%s\r\n%s\r\n\r\n"
        with answering(lambda request: moved % (sequence_of(request), where)) as (outer, _):
            with pytest.raises(SetupError):
                Stream(input=f"rtsp://127.0.0.1:{outer}/x", timeout=3, silence=1).open()
            assert heard


def test_pictures_come_through_in_order() -> None:
    with rtsp() as server, watching(Stream(input=server.address, check=False, direct=True)) as watched:
        assert (watched.spec.width, watched.spec.height) == (320, 240)
        found = [number_of(watched.next().image) for _ in range(30)]
        assert found == sorted(found)
    assert not [thread for thread in threading.enumerate() if thread.name == "rtsp-door"]


def test_who_is_not_there_is_told_as_without_a_door() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SetupError, match="nobody listens there"):
        Stream(input=f"rtsp://127.0.0.1:{port}/x", direct=True, timeout=2, silence=1).open()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_whole_passes_however_it_is_cut(size: int) -> None:
    body = b"v=0\r\no=-\r\n$no data\r\n\r\nRTSP/1.0 302 only text\r\n"
    described = b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    said = OK + described + data(b"RTSP/1.0 302 Moved\r\n\r\n") + data(b"") + OK + data(bytes(65535))
    watch = Watch()
    passed = b"".join(watch.passed(said[at : at + size]) for at in range(0, len(said), size))
    assert passed == said


@pytest.mark.fault("H7")
@pytest.mark.parametrize(
    "said",
    [
        b"RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1/\r\n\r\n", b"RTSP/1.0 302 Moved\n\n",
        b"RTSP/1.0 302\r\r\n\r\r\n",
        b"R\rTSP/1.0 3\r02 Moved\r\n\r\n", OK + b"RTSP/1.0 301 M\r\n\r\n", data(b"x") + b"RTSP/1.0 307 M\r\n\r\n",
        b"REDIRECT rtsp://h/ RTSP/1.0\r\n\r\n", b"HTTP/1.1 302 Found\r\n\r\n", b" RTSP/1.0 302 M\r\n\r\n",
        b"RTSP/1.0  302 M\r\n\r\n", b"RTSP/1.0 200 OK\r\n$\0\0\x02..\r\nX: 1\r\n\r\n", b"RTSP/1.0 +302 M\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x" * 70_000, b"garbage\n\n",
    ],
)  # fmt: skip
def test_what_leads_elsewhere_or_can_be_read_in_two_ways_does_not_pass(said: bytes) -> None:
    with pytest.raises(Strayed):
        Watch().passed(said)
