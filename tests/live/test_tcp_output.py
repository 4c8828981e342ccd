"""Frames out over TCP: FFmpeg takes them, nobody is waited for, and what does not get away is counted."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Context
from stages.output import Auto
from stages.output.tcp import Tcp
from tests.clips import decode, number_of, picture
from tests.live.senders import FFMPEG, HEIGHT, WIDTH
from tests.live.test_tcp_runs import connects, free_port
from tests.waiting import wait_until

SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=Fraction(25), time_base=Fraction(1, 90_000), live=True)
BYTES = WIDTH * HEIGHT * 3


@pytest.fixture
def open_sink() -> Iterator[Callable[..., Tcp]]:
    made: list[Tcp] = []

    def begin(address: str, spec: FrameSpec = SPEC, **fields: object) -> Tcp:
        sink = Tcp(output=address, **fields)
        sink._context = Context()
        sink.setup(spec)
        made.append(sink)
        return sink

    yield begin
    for sink in made:
        sink.close()


def frame_of(number: int, spec: FrameSpec = SPEC) -> Frame:
    clean = picture(number, spec.width, spec.height)
    return Frame({"clean": clean}, index=number, pts=number * 3600, duration=3600)


def sent(sink: Tcp) -> int:
    return sink._post.counts()["sent"]


def take(connection: socket.socket, count: int) -> list[int]:
    """The numbers of so many pictures."""
    data = bytearray()
    while len(data) < count * BYTES:
        more = connection.recv(count * BYTES - len(data))
        assert more
        data += more
    found = list(np.frombuffer(data, np.uint8).reshape(count, HEIGHT, WIDTH, 3))
    assert all(np.array_equal(one, picture(number_of(one), WIDTH, HEIGHT)) for one in found)
    return [number_of(one) for one in found]


def test_bare_pictures_come_to_the_byte(open_sink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}", waiting=64)
        connection, _ = server.accept()
        with connection:
            for number in range(20):
                sink.write(frame_of(number))
            assert take(connection, 20) == list(range(20))
    facts = sink.finish()
    assert facts["sent"] == facts["frames"] == 20
    assert facts["dropped"] == facts["reconnects"] == 0
    assert sink.context.notes == []


@pytest.mark.parametrize("query", ["", "?format=nut"])
def test_ffmpeg_takes_them(open_sink, tmp_path: Path, query: str) -> None:
    """As the documentation says; and nut brings size and times along."""
    port, made = free_port(), tmp_path / "made.mkv"
    bare = ["-f", "rawvideo", "-pixel_format", "bgr24", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "25"]
    how = ["-f", "nut"] if query else bare
    listener = subprocess.Popen(
        [FFMPEG, "-v", "error", *how, "-i", f"tcp://127.0.0.1:{port}?listen=1", "-c:v", "ffv1", str(made)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: connects(port))
        sink = open_sink(f"tcp://127.0.0.1:{port}{query}", waiting=64)
        for number in range(20):
            sink.write(frame_of(number))
        assert sink.finish()["sent"] == 20
        sink.close()
        assert listener.communicate(timeout=30) == (None, "")
    finally:
        listener.kill()
        listener.wait()
    assert [number_of(one) for one in decode(made)] == list(range(20))


def test_who_takes_nothing_stalls_nobody(open_sink) -> None:
    spec = SPEC.model_copy(update={"width": 1280, "height": 720})
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}", spec)
        connection, _ = server.accept()
        with connection:
            longest = 0.0
            for number in range(60):
                frame = frame_of(number % 200, spec)
                begun = time.monotonic()
                sink.write(frame)
                longest = max(longest, time.monotonic() - begun)
            assert longest < 1.0  # a copy takes a thousandth of that; to wait for him would take STALL_S
            assert sink._post.counts()["dropped"] >= 40
    assert sink.context.counts["tcp: dropped"] >= 40


def test_a_slow_one_gets_whole_frames_in_order(open_sink) -> None:
    spec = SPEC.model_copy(update={"width": 960, "height": 540})
    size = 960 * 540 * 3
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}", spec)
        connection, _ = server.accept()
        data = bytearray()
        with connection:
            for number in range(40):
                sink.write(frame_of(number, spec))
            reader = threading.Thread(target=lambda: data.extend(iter_all(connection)))
            reader.start()
            facts = sink.finish()
            sink.close()
            reader.join(20)
    assert len(data) % size == 0
    came = [number_of(one) for one in np.frombuffer(data, np.uint8).reshape(-1, 540, 960, 3)]
    assert came == sorted(set(came))
    assert came[-1] == 39
    assert len(came) == facts["sent"]
    assert facts["sent"] + facts["dropped"] == 40


def iter_all(connection: socket.socket) -> bytes:
    """All bytes to the end."""
    made = bytearray()
    while more := connection.recv(1 << 20):
        made += more
    return bytes(made)


def test_who_comes_later_and_who_comes_again_begins_with_a_whole_frame(open_sink) -> None:
    port = free_port()
    sink = open_sink(f"tcp://127.0.0.1:{port}")
    sink.write(frame_of(1))
    wait_until(lambda: bool(sink._post.trouble))
    sink.write(frame_of(2))
    assert "nobody takes frames there (Connection refused)" in sink.context.notes[0]
    for turn in range(2):
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(20)
            connection, _ = server.accept()
            with connection:
                before = sent(sink)
                sink.write(frame_of(100 + turn))
                assert take(connection, 1)  # a whole one, from its first byte
                wait_until(lambda before=before: sent(sink) > before)
        wait_until(lambda: breaks(sink))
    assert sink._post.counts()["reconnects"] == 1


def breaks(sink: Tcp) -> bool:
    """Send one more, to see that nobody is there."""
    sink.write(frame_of(10))
    return bool(sink._post.trouble)


def test_the_end_does_not_wait_for_who_never_came(open_sink) -> None:
    sink = open_sink(f"tcp://127.0.0.1:{free_port()}")
    for number in range(5):
        sink.write(frame_of(number))
    begun = time.monotonic()
    facts = sink.finish()
    sink.close()
    assert time.monotonic() - begun < 8
    assert facts["sent"] == 0
    assert facts["dropped"] == facts["frames"] == 5


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://h", "has no port"),
        ("tcp://h:0", "port 0 is nobody's"),
        ("tcp://h:1?format=mp4", "format=mp4 is neither rawvideo nor nut"),
        ("tcp://h:1?width=4", "'width' is none of format"),
    ],
)
def test_a_wrong_address_is_refused_before_anything_runs(address: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Tcp(output=address)


def test_tcp_addresses_are_for_this_sink() -> None:
    assert Auto.pick("tcp://127.0.0.1:5001?format=nut") is Tcp
    with pytest.raises(SetupError, match="no output is given"):
        Tcp().setup(SPEC)
