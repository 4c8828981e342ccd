"""Servers to read from: GStreamer's for RTSP, and a proxy before any of them that closes, resets or goes silent."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("rtsp_server.py")
PYTHON = "/usr/bin/python3"
PACKAGES = "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly} python3-gi"


@cache
def missing() -> str:
    """Why there can be no RTSP server here; empty where there can."""
    try:
        done = subprocess.run([PYTHON, str(SCRIPT), "--check"], capture_output=True, timeout=60, check=False)
    except OSError:
        return f"no {PYTHON}"
    return "" if done.returncode == 0 else f"not all of {PACKAGES} are installed"


def needs_rtsp() -> None:
    if why := missing():
        pytest.skip(why)


class Rtsp:
    """A server of rtsp_server.py, in a process of its own, at `address`; may be killed and started again."""

    def __init__(self, *options: str) -> None:
        needs_rtsp()
        self.port = 0
        self.start(*options)

    def start(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [PYTHON, str(SCRIPT), str(self.port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def rtsp(*options: str) -> Iterator[Rtsp]:
    server = Rtsp(*options)
    try:
        yield server
    finally:
        server.kill()


class Proxy:
    """Passes bytes on between whoever connects and a port of this machine, until it is told otherwise."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: set[socket.socket] = set()
        self._pumps: list[threading.Thread] = []
        self.accepted = 0
        self.stalled = threading.Event()
        self.hide_after = b""  # what a server says after these bytes of its own is swallowed
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            self.accepted += 1
            self._ends |= {client, server}
            for one, other in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pump, args=(one, other, one is server), daemon=True)
                self._pumps.append(thread)
                thread.start()

    def _pump(self, one: socket.socket, other: socket.socket, from_server: bool) -> None:
        hidden = False
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                hidden |= from_server and bool(self.hide_after) and self.hide_after in data
                if not (self.stalled.is_set() or (hidden and from_server)):
                    other.sendall(data)
            if one in self._ends:
                other.shutdown(socket.SHUT_WR)

    def drop(self, *, reset: bool = False) -> None:
        """End all connections: in order, or by a reset."""
        ends, self._ends = self._ends, set()
        for end in ends:
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)  # wakes whoever waits for it
        for thread in self._pumps:
            thread.join(5)
        self._pumps.clear()
        for end in ends:
            end.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self._server.join(5)


@contextlib.contextmanager
def proxy(to: int) -> Iterator[Proxy]:
    made = Proxy(to)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def answering(answer: Callable[[bytes], bytes] = lambda _: b"") -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback with one answer to everything, or none, and what its visitors said."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def attend() -> None:
            while True:
                try:
                    visitor, _ = door.accept()
                except OSError:
                    return
                with visitor:
                    visitor.settimeout(5)
                    heard.append(visitor.recv(4096))
                    visitor.sendall(answer(heard[-1]))

        thread = threading.Thread(target=attend)
        thread.start()
        try:
            yield door.getsockname()[1], heard
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=20)
