"""SRT, sent by the FFmpeg program of imageio-ffmpeg."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest

from pipeline.errors import ConfigError, SetupError
from stages.ingest.srt import check
from stages.ingest.stream import Stream
from tests.live.watching import watching

SECRET = "kanarienvogel"


@cache
def can_srt() -> bool:
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-protocols"], capture_output=True, text=True, check=True
    )
    return "srt" in done.stdout.split()


pytestmark = pytest.mark.skipif(not can_srt(), reason="this FFmpeg has no SRT")


class Sender:
    """Draws a picture and sends it to whoever calls, or to whom it calls itself."""

    def __init__(self, mode: str = "listener", port: int = 0) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", port))
            self.port: int = free.getsockname()[1]
        self.mode = mode
        self.start()

    def start(self) -> None:
        address = f"srt://127.0.0.1:{self.port}?mode={self.mode}&passphrase={SECRET}"
        self.process = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-nostdin", "-re", "-f", "lavfi", "-i",
             "testsrc2=size=320x240:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
             "-g", "15", "-f", "mpegts", address],
        )  # fmt: skip

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.kill()


def stream(sender: Sender, **fields) -> Stream:
    return Stream(input=f"srt://127.0.0.1:{sender.port}?passphrase=${{PHRASE}}", check=False, **fields)


@pytest.fixture(autouse=True)
def phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHRASE", SECRET)


def test_pictures_come_and_nobody_sees_the_passphrase(sender: Sender) -> None:
    with watching(stream(sender)) as watched:
        assert (watched.spec.width, watched.spec.height, watched.spec.rate) == (320, 240, 30)
        stamps = [watched.next().pts for _ in range(40)]
        assert stamps == sorted(set(stamps))
        lines = [child.cmdline() for child in psutil.Process().children() if child.pid != sender.process.pid]
        assert lines, "a program of its own reads it"
        assert not [line for line in lines if SECRET in " ".join(line)]


def test_a_sender_that_was_killed_is_taken_up_again(sender: Sender) -> None:
    with watching(stream(sender)) as watched:
        last = watched.next().pts
        sender.kill()
        sender.start()
        until = time.monotonic() + 30
        while not watched.context.counts["reconnects"]:
            frame = watched.next(until - time.monotonic())
            assert frame.pts > last
            last = frame.pts
        watched.next()


def test_it_waits_for_a_caller_where_it_is_told_to(tmp_path: Path) -> None:
    sender = Sender(mode="caller")
    try:
        address = f"srt://127.0.0.1:{sender.port}?mode=listener&passphrase={SECRET}"
        sender.kill()
        source = Stream(input=address, check=False)
        from threading import Timer

        late = Timer(1.0, sender.start)
        late.start()
        with watching(source) as watched:
            assert watched.next()
        late.join()
    finally:
        sender.kill()


def test_where_nobody_sends_it_is_told_without_the_passphrase() -> None:
    with pytest.raises(SetupError, match="no picture within 2 s") as caught:
        Stream(input=f"srt://127.0.0.1:9?passphrase={SECRET}", timeout=2, silence=1).open()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("query", ["smoother=file", "mode=rendezvous", "linger=5", "x"])
def test_what_an_address_may_not_say_is_refused(query: str) -> None:
    with pytest.raises(ConfigError):
        check(f"srt://127.0.0.1:9000?{query}")


@pytest.mark.parametrize("query", ["streamid=${WHO}&x=1", "streamid=me&mode=${WHO}"])
def test_what_is_refused_is_told_without_what_the_environment_holds(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHO", SECRET)
    with pytest.raises(ConfigError) as caught:
        Stream(input=f"srt://127.0.0.1:9000?{query}").open()
    assert SECRET not in str(caught.value)
    assert "${WHO}" in str(caught.value)
