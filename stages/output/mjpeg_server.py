"""Server: gives the newest picture to everybody who watches over HTTP; nobody who is slow holds up anybody else."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from http import HTTPStatus

from pipeline.errors import SetupError
from stages.media import reason
from stages.output.mjpeg_door import Door, What

MOST = 8  # who watch at a time
GUESTS = 8  # further ones who are still to say what they want, or are told no
ASKING_S = 5.0  # for a request to be there
PATIENCE_S = 10.0  # for one picture to be taken
FAREWELL_S = 1.0
HEAD_BYTES = 8192
SEND_BUFFER = 256 << 10  # bytes in the kernel: what lies there is old when it is seen
BOUNDARY = "cleanplate-frame"
SAFE = (
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\nConnection: close\r\n"
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Cleanplate</title>
<style>html,body{margin:0;height:100%;background:#111}img{width:100%;height:100%;object-fit:contain}</style>
<img src="?stream" alt="the picture of a running pipeline"></html>
"""
PAGE_SAFE = "Content-Security-Policy: default-src 'none'; img-src 'self'; style-src 'unsafe-inline'\r\n"


class Server:
    """Listens in a thread of its own. Of the pictures that `show()` is given each watcher gets the newest one when he
    has taken the one before; only the newest is kept, and none while nobody watches."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._socket = _listen(door)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self._picture = b""
        self._fresh = asyncio.Event()
        self._over = asyncio.Event()
        self._watchers = 0
        self._guests: set[asyncio.Task[None]] = set()
        self._told: deque[str] = deque(maxlen=1000)
        self._thread = threading.Thread(target=self._run, name="mjpeg", daemon=True)
        self._thread.start()

    # From the thread of the sink

    @property
    def watched(self) -> bool:
        """Whether anybody waits for a picture."""
        return self._watchers > 0

    def show(self, jpeg: bytes) -> None:
        """The newest picture. Never waits."""
        self._loop.call_soon_threadsafe(self._take, jpeg)

    def counts(self) -> Counter[str]:
        """What happened since the last time: who was turned away, and who took no picture for too long."""
        told: Counter[str] = Counter()
        while self._told:
            told[self._told.popleft()] += 1
        return told

    def close(self) -> None:
        """Let everybody go. May be called again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(FAREWELL_S + ASKING_S)

    # In the thread of the server

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.close()

    async def _live(self) -> None:
        server = await asyncio.start_server(self._welcome, sock=self._socket, limit=HEAD_BYTES)
        await self._over.wait()
        server.close()
        for guest in self._guests:
            guest.cancel()
        if self._guests:
            await asyncio.wait(self._guests, timeout=FAREWELL_S)

    def _take(self, jpeg: bytes) -> None:
        if self._watchers:
            self._number, self._picture = self._number + 1, jpeg
            self._fresh.set()
            self._fresh = asyncio.Event()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        try:
            if len(self._guests) > MOST + GUESTS:
                self._told.append("turned away")
                return
            await self._serve(reader, writer)
        except TimeoutError:
            self._told.append("left for taking no picture")
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # he has gone, or the run has ended
        finally:
            self._guests.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)  # `drain()` waits until the kernel has all of it
        what = await self._asked(reader)
        if what in ("stream", "snapshot") and self._watchers >= MOST:
            self._told.append("turned away")
            what = HTTPStatus.SERVICE_UNAVAILABLE
        match what:
            case "stream":
                await self._stream(writer)
            case "snapshot":
                await self._snapshot(writer)
            case "page":
                await _say(writer, HTTPStatus.OK, "text/html; charset=utf-8", PAGE.encode(), PAGE_SAFE)
            case HTTPStatus() as status:
                await _say(writer, status, "text/plain", f"{status.value} {status.phrase}\n".encode())

    async def _asked(self, reader: asyncio.StreamReader) -> What | HTTPStatus:
        try:
            async with asyncio.timeout(ASKING_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT
        return self._door.judge(head, self.port)

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        with self._watching():
            await _send(writer, f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{SAFE}\r\n--{BOUNDARY}\r\n".encode())
            seen = self._number
            while True:
                seen, jpeg = await self._next(seen)
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                # The boundary behind it: browsers show a picture when the next one begins.
                await _send(writer, head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())

    async def _snapshot(self, writer: asyncio.StreamWriter) -> None:
        with self._watching():
            async with asyncio.timeout(PATIENCE_S):
                _, jpeg = await self._next(self._number)
            await _say(writer, HTTPStatus.OK, "image/jpeg", jpeg)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._picture = b""

    async def _next(self, seen: int) -> tuple[int, bytes]:
        """The newest picture, as soon as it is another than number `seen`; and its number."""
        while self._number == seen:
            await self._fresh.wait()
        return self._number, self._picture


def _listen(door: Door) -> socket.socket:
    """Raises SetupError."""
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # those who come in inherit it
        listener.bind((door.host, door.port))
        listener.listen(MOST)
    except OSError as error:
        listener.close()
        hint = (
            "; another program serves there: take another port, 0 for a free one" if error.errno == EADDRINUSE else ""
        )
        raise SetupError(f"{door.shown()}: cannot be served ({reason(error)}){hint}") from error
    listener.setblocking(False)
    return listener


async def _say(writer: asyncio.StreamWriter, status: HTTPStatus, kind: str, body: bytes, more: str = "") -> None:
    """A whole answer, after which the connection ends."""
    allow = "Allow: GET\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    await _send(writer, f"{head}{allow}{SAFE}{more}\r\n".encode() + body)
    writer.write_eof()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Until the kernel has taken all of it. Raises TimeoutError, OSError."""
    writer.write(data)
    async with asyncio.timeout(PATIENCE_S):
        await writer.drain()
