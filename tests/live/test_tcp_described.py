"""Streams over TCP that describe themselves: nut, matroska, yuv4mpegpipe, as the real FFmpeg sends them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from pipeline.errors import SetupError
from tests.live.senders import FFMPEG, HEIGHT, WIDTH, Opened, ffmpeg, image

DRAWN = "testsrc2=size=320x180:rate=25"
FORMS = {
    "nut": ("-c:v", "rawvideo", "-pix_fmt", "bgr24", "-f", "nut"),
    "nut of yuv": ("-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-f", "nut"),
    "matroska": ("-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-f", "matroska"),
    "h264 in matroska": ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-f", "matroska"),
    "yuv4mpegpipe": ("-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"),
}


@pytest.fixture
def listen() -> Iterator[Callable[..., Opened]]:
    """A source that is sent something as soon as it listens, and what sends."""
    made: list[Opened] = []
    senders: list = []

    def begin(words: tuple[str, ...], query: str = "", frames: int = 25, source: str = DRAWN, **fields) -> Opened:
        def on_port(port: int) -> None:
            senders.append(ffmpeg(*words, source=source, frames=frames, address=f"tcp://127.0.0.1:{port}"))

        made.append(Opened(query, on_port=on_port, **fields))
        return made[-1]

    yield begin
    for one in made:
        one.close()
    for sender in senders:
        sender.communicate(timeout=20)


@pytest.mark.parametrize("form", FORMS)
def test_size_rate_and_every_picture_come_from_the_stream(listen, form: str) -> None:
    tcp = listen(FORMS[form])
    found = list(tcp.steps())
    assert (tcp.spec.width, tcp.spec.height, tcp.spec.rate) == (320, 180, Fraction(25))
    assert tcp.spec.live
    assert [why for why, _, _ in found] == [""] * 25
    assert np.abs(np.diff([pts for _, pts, _ in found]) - 3600).max() <= 90  # matroska counts in milliseconds
    assert len({shown.tobytes() for _, _, shown in found}) > 20
    assert tcp.counts == {"senders": 1}


def test_pixels_come_as_they_were_sent(listen) -> None:
    nut, bare = (
        [shown for _, _, shown in tcp.steps()]
        for tcp in (
            listen(FORMS["nut"]),
            listen(("-pix_fmt", "bgr24", "-f", "rawvideo"), "width=320&height=180"),
        )
    )
    assert len(nut) == len(bare) == 25
    assert all(np.array_equal(one, other) for one, other in zip(nut, bare, strict=True))


def test_where_the_address_says_another_size_pictures_are_scaled_and_it_is_said(listen) -> None:
    tcp = listen(FORMS["nut"], "width=160&height=90")
    assert [shown.shape for _, _, shown in tcp.steps()] == [(90, 160, 3)] * 25
    assert tcp.said == [f"tcp://127.0.0.1:{tcp.port}: pictures of 320x180 are scaled to 160x90, as the address says"]


def test_a_later_sender_of_another_size_is_scaled_to_the_first_one(listen) -> None:
    tcp = listen(FORMS["nut"], frames=3, waits=2)
    small = "testsrc2=size=160x90:rate=25"
    later: list = []
    tcp.context.while_waiting[2] = lambda: later.append(
        ffmpeg(*FORMS["matroska"], source=small, frames=4, address=f"tcp://127.0.0.1:{tcp.port}")
    )
    found = list(tcp.steps())
    later[0].communicate(timeout=20)
    assert [shown.shape for _, _, shown in found] == [(180, 320, 3)] * 7
    stamps = [pts for _, pts, _ in found]
    assert stamps == sorted(set(stamps))


@pytest.mark.fault("D5")
def test_only_described_streams_are_taken_where_that_is_wished(listen) -> None:
    bare = listen(("-pix_fmt", "bgr24", "-f", "rawvideo"), "width=320&height=180", framing="described")
    assert list(bare.steps()) == []
    assert bare.counts == {"refused senders": 1}
    assert "bare pixels are refused, as framing=described; send with: ffmpeg -i INPUT" in bare.said[0]
    assert len(list(listen(FORMS["nut"], "width=320&height=180", framing="described").steps())) == 25


def test_bare_pixels_without_a_size_are_refused_with_both_ways_out(listen) -> None:
    with pytest.raises(SetupError) as told:
        listen(("-pix_fmt", "bgr24", "-f", "rawvideo"), timeout=1.0, waits=0)
    said = str(told.value)
    assert "bare pixels do not say their size; listen at tcp://" in said
    assert "?width=W&height=H, or send with: ffmpeg -i INPUT -c:v rawvideo -f nut tcp://" in said


@pytest.mark.fault("D4")
def test_a_stream_that_breaks_off_shows_no_half_picture(listen) -> None:
    """The bytes of a nut stream of five pictures, cut in the midst of the last one."""
    how = ["-f", "lavfi", "-i", DRAWN, "-frames:v", "5", *FORMS["nut"], "-"]
    data = subprocess.run([FFMPEG, "-v", "error", *how], capture_output=True, check=True).stdout
    tcp = Opened("width=320&height=180")
    try:
        with tcp.connect(data[:-90_000]):
            pass
        found = list(tcp.steps())
    finally:
        tcp.close()
    assert [why for why, _, _ in found] == [""] * 4
    assert tcp.counts.get("short frames", 0) + tcp.counts.get("decode errors", 0) == 1


def test_a_header_without_a_stream_is_told_and_the_listener_lives_on() -> None:
    tcp = Opened(waits=2)
    try:
        tcp.context.while_waiting[1] = lambda: tcp.connect(b"nut/multimedia container\0" + b"x" * 4000).close()
        tcp.context.while_waiting[2] = lambda: tcp.send([image(1), image(2)])
        assert len(list(tcp.steps())) == 2
        assert tcp.counts == {"refused senders": 1, "senders": 1}
        assert "not nut that can be read" in tcp.said[0] or "no video stream" in tcp.said[0]
    finally:
        tcp.close()


def test_a_stream_that_stalls_is_closed() -> None:
    tcp = Opened(f"width={WIDTH}&height={HEIGHT}", silence=0.6)
    try:
        with tcp.connect(b"nut/multimedia container\0"):
            assert list(tcp.steps()) == []
        assert tcp.counts["timeouts"] == 1
    finally:
        tcp.close()
