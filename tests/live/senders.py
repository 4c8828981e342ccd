"""Senders: whoever connects to the TCP input, as sockets of the test's own process, and as the real FFmpeg."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import imageio_ffmpeg

from pipeline.errors import SetupError
from pipeline.frame import Image
from pipeline.stage import Context
from stages.ingest.tcp import Tcp
from tests.clips import lend, picture

WIDTH, HEIGHT = 160, 96
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def image(number: int) -> Image:
    """The picture number `number`, 160x96: `tests.clips.number_of` reads it."""
    return picture(number, WIDTH, HEIGHT)


class Patient(Context):
    """Remembers, and ends the run when something is true."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[str] = []
        self.until_waiting = 0  # how often it may wait for a sender
        self.while_waiting: dict[int, Callable[[], object]] = {}  # what is done when it waits for this time

    def says(self, state: str) -> None:
        self.states.append(state)
        if state == "waiting" and self.states.count("waiting") > self.until_waiting > 0:
            self.leaving = True
        elif state == "waiting" and (act := self.while_waiting.get(self.states.count("waiting"))):
            act()
        super().says(state)


class Opened:
    """A TCP source that listens at a free port of this machine, and what it says."""

    def __init__(
        self,
        query: str = f"width={WIDTH}&height={HEIGHT}",
        *,
        waits: int = 1,
        on_port: Callable[[int], object] | None = None,
        **fields: object,
    ) -> None:
        """It waits for a sender so often; then it is asked to leave. `on_port` is told the port, as soon as it is."""
        self.source = Tcp(input=f"tcp://127.0.0.1:0?{query}", **fields)
        self.context = Patient()
        self.context.until_waiting = waits
        if on_port is not None:
            self.context.while_waiting[1] = lambda: on_port(self.port)
        self.source._context = self.context
        try:
            self.spec = self.source.open()
        except SetupError:
            self.source.close()
            raise

    @property
    def port(self) -> int:
        return self.source._listener.port

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.context.counts)

    @property
    def said(self) -> list[str]:
        """What was said after the first line, which is how to send."""
        return self.context.notes[1:]

    def connect(self, data: bytes = b"") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        try:
            made.sendall(data)
        except OSError:
            made.close()
            raise
        return made

    def send(self, pictures: Iterable[Image], tail: bytes = b"") -> None:
        """Connect, send, and close; small pictures wait in the system's memory."""
        with self.connect(b"".join(one.tobytes() for one in pictures) + tail):
            pass

    def steps(self) -> Iterator[tuple[str, int, Image]]:
        """Why it was rejected, its time stamp and a copy, for each frame to the end."""
        frame = lend(self.source, self.spec)
        for _ in self.source.frames():
            yield frame.rejected, frame.pts, frame.image.copy()

    def close(self) -> None:
        self.source.close()


def reset(connection: socket.socket) -> None:
    """Close it as a crash of the other machine does: with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def ffmpeg(*words: str, source: str, frames: int | None = None, address: str) -> subprocess.Popen[str]:
    """FFmpeg sending a drawn picture, or a file; the words are its options for what it sends."""
    given = ["-f", "lavfi", "-i", source] if not Path(source).exists() else ["-i", source]
    limit = [] if frames is None else ["-frames:v", str(frames)]
    return subprocess.Popen(
        [FFMPEG, "-v", "error", *given, *limit, *words, address],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
