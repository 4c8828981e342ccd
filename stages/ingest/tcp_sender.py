"""Sender: one who has connected: his bytes, straight into whatever memory is given, and how it ended with him."""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Literal

from stages.ingest.tcp_listener import SLICE_S

WHOLE = socket.MSG_WAITALL  # the system itself collects: to be woken for each piece would cost as much as to copy it
HEAD = 25  # bytes by which self-describing streams are known
End = Literal["", "closed", "short", "silent", "left"]

MAGIC = {
    b"nut/multimedia container\0": "nut",
    b"\x1aE\xdf\xa3": "matroska",
    b"YUV4MPEG2 ": "yuv4mpegpipe",
}
OTHERS = {
    b"GET ": "an HTTP request",
    b"POST ": "an HTTP request",
    b"HEAD ": "an HTTP request",
    b"OPTIONS ": "an HTTP or RTSP request",
    b"CONNECT ": "an HTTP request",
    b"SSH-": "an SSH greeting",
    b"FLV\x01": "FLV, not a format that is taken here",
    b"RIFF": "AVI, not a format that is taken here",
}


class Sender:
    """A connection from which pictures come. Every wait of it ends: with bytes, after `silence` seconds without a whole
    picture, or when the run ends. `leaving` says whether it does, `beside` is done while it waits.

    `end`: how it ended: "closed" between two pictures, "short" within one, "silent", or "left", because the run ended;
    empty while it goes on."""

    def __init__(
        self, connection: socket.socket, silence: float, leaving: Callable[[], bool], beside: Callable[[], None]
    ) -> None:
        self.end: End = ""
        self._connection = connection
        self._connection.setblocking(True)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(min(SLICE_S, silence)))
        self._silence = silence
        self._leaving = leaving
        self._beside = beside
        self._head = b""
        self._until = time.monotonic() + silence
        self._look_at = 0.0

    def head(self) -> bytes:
        """The first HEAD bytes; fewer where no more come. They will come once more by `fill` and `read`."""
        into = bytearray(HEAD)
        got = self._into(memoryview(into))
        self._head = bytes(into[:got])
        return self._head

    def fill(self, view: memoryview) -> bool:
        """Receive a whole picture into `view`, bytes; False: it has ended, and what `view` holds is no picture."""
        known, self._head = self._head[: len(view)], self._head[len(view) :]
        view[: len(known)] = known
        if self._into(view[len(known) :]) < len(view) - len(known):
            return False
        self.patiently()
        return True

    def read(self, most: int) -> bytes:
        """Some bytes, `most` at most; none at the end."""
        if self._head:
            known, self._head = self._head[:most], self._head[most:]
            return known
        into = bytearray(most)
        return bytes(into[: self._receive(memoryview(into))])

    def patiently(self) -> None:
        """The patience with this sender begins anew: a whole picture has come, or nobody has asked for one."""
        self._until = time.monotonic() + self._silence

    @property
    def gone(self) -> bool:
        """Whether he sends no more, also where what he has sent is still to be read; False where nobody can tell."""
        if self.end or not hasattr(select, "POLLRDHUP"):
            return bool(self.end)
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._connection.close()

    def _into(self, view: memoryview) -> int:
        """Fill it; how many bytes that were, fewer at the end."""
        got = 0
        while got < len(view):
            more = self._receive(view[got:], WHOLE)
            if not more:
                if self.end == "closed" and got:
                    self.end = "short"
                break
            got += more
        return got

    def _receive(self, view: memoryview, flags: int = 0) -> int:
        """Wait for some bytes, for all of them with WHOLE unless that takes too long; 0 at the end.

        The time-out is the system's, not that of Python's sockets, which would wait before each `recv` and never get
        more than what is there by then."""
        while not self._over():
            try:
                got = self._connection.recv_into(view, 0, flags)
            except (BlockingIOError, TimeoutError):
                continue
            except OSError:  # reset
                got = 0
            if got:
                return got
            self.end = "closed"
        return 0

    def _over(self) -> bool:
        """Whether to wait no longer. Looked at now and then also while bytes trickle in."""
        now = time.monotonic()
        if not self.end and now > self._until:
            self.end = "silent"
        elif not self.end and now > self._look_at:
            self._look_at = now + SLICE_S
            self._beside()
            if self._leaving():
                self.end = "left"
        return bool(self.end)


def _timeval(seconds: float) -> bytes:
    """As SO_RCVTIMEO wants it: a struct timeval, milliseconds on Windows."""
    if sys.platform == "win32":
        return struct.pack("@L", round(seconds * 1000))
    return struct.pack("@ll", int(seconds), round(seconds % 1 * 1_000_000))


def container_of(head: bytes) -> str:
    """The format of a self-describing stream that begins so; empty where it is none."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


def stranger(head: bytes) -> str:
    """What else it is that begins so and brings no pictures; empty where nothing speaks against bare pixels."""
    if len(head) < HEAD and not any(head.startswith(word) for word in OTHERS):
        return "next to nothing"
    if head[:2] == b"\x16\x03" and head[2] <= 4 and head[5] == 1 and head[9] == 3:
        return "a TLS greeting"  # a record of a handshake: the client's hello, by its version
    return next((what for word, what in OTHERS.items() if head.startswith(word)), "")
