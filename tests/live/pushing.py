"""Peers that a stream is pushed to: FFmpeg as an RTSP or SRT server, a server of our own that stalls, and Debian's."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg

from pipeline.frame import FrameSpec
from stages.output.push import Push
from tests.clips import number_of, picture
from tests.sinks import frame_of

SPEC = FrameSpec(width=160, height=120, rate=Fraction(25), time_base=Fraction(1, 12800), live=True)
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def receiver(url: str, out: Path, *given: str) -> Iterator[subprocess.Popen[bytes]]:
    """FFmpeg as a server that writes what comes into a file; it ends with the stream."""
    command = [FFMPEG, "-hide_banner", "-loglevel", "error", *given, "-i", url]
    process = subprocess.Popen([*command, "-c", "copy", "-f", "mpegts", "-flush_packets", "1", "-y", str(out)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rtsp(port: int, out: Path) -> Any:
    return receiver(f"rtsp://127.0.0.1:{port}/live", out, "-rtsp_flags", "listen", "-listen_timeout", "30")


def srt(port: int, out: Path, query: str = "") -> Any:
    return receiver(
        f"srt://127.0.0.1:{port}?mode=listener&listen_timeout=30000000{query}",
        out,
        "-f",
        "mpegts",
        "-analyzeduration",
        "100000",
    )


def opened(address: str, spec: FrameSpec = SPEC, **options: Any) -> Push:
    sink = Push(output=address, **options)
    sink.setup(spec)
    return sink


def seen(path: Path) -> list[int]:
    """The numbers of the pictures in a file that may still grow."""
    if not path.exists() or not path.stat().st_size:
        return []
    try:
        with av.open(str(path)) as box:
            return [number_of(frame.to_ndarray(format="bgr24")) for frame in box.decode(video=0)]
    except av.FFmpegError:
        return []


def frame(number: int) -> Any:
    lent = frame_of(number, SPEC)
    lent.planes["clean"] = picture(number % 256, SPEC.width, SPEC.height)
    return lent


class Stalling:
    """An RTSP server in threads of the test: accepts a stream and reads on, or stops to read, or answers no more."""

    def __init__(self, behaviour: str = "read") -> None:
        self.behaviour = behaviour
        self.accepted = 0
        self.taken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while (head := self._head(reader)) and self.behaviour != "silent":
                    self._answer(connection, head)
                    if head[0].startswith("RECORD"):
                        self.accepted += 1
                        self._take(reader)
        except (OSError, ValueError):
            return

    def _head(self, reader: Any) -> list[str]:
        lines = []
        while (line := reader.readline().decode().strip()) or not lines:
            if not line:
                return []
            lines.append(line)
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length")), 0)
        reader.read(length)
        return lines

    def _answer(self, connection: socket.socket, head: list[str]) -> None:
        number = next(line for line in head if line.lower().startswith("cseq"))
        status = "401 Unauthorized" if self.behaviour == "refuse" and head[0].startswith("ANNOUNCE") else "200 OK"
        more = ["Session: 1", "Public: OPTIONS, ANNOUNCE, SETUP, RECORD"]
        if head[0].startswith("SETUP"):
            more.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")
        connection.sendall("\r\n".join([f"RTSP/1.0 {status}", number, *more, "", ""]).encode())

    def _take(self, reader: Any) -> None:
        while not self._ended.is_set():
            if self.behaviour == "stall":
                self._ended.wait(0.1)
            elif data := reader.read1(65536):
                self.taken += len(data)
            else:
                return

    def close(self) -> None:
        self._ended.set()
        self._listener.close()
        for connection in self._open:
            connection.close()
