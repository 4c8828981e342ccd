"""A web server in a thread that hands out one file, as well or as badly as it is told."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[["Asked"], None]
CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Asked(http.server.BaseHTTPRequestHandler):
    """One request, which the shelf's behaviours answer in turn; the last of them answers all further ones."""

    server: Shelf
    timeout = 10

    def do_GET(self) -> None:
        shelf = self.server
        shelf.ranges.append(self.headers.get("Range", ""))
        self.close_connection = True
        try:
            shelf.behaviours[min(len(shelf.ranges), len(shelf.behaviours)) - 1](self)
        except (ConnectionError, TimeoutError):
            shelf.left += 1  # who asked has gone

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Shelf(http.server.ThreadingHTTPServer):
    """What is on it, how it answers, and what it was asked for."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, *behaviours: Behaviour, content: bytes = CONTENT, tag: str = '"one"') -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.behaviours = behaviours or (whole,)
        self.content, self.tag = content, tag
        self.ranges: list[str] = []
        self.left = 0
        self.open = threading.Event()  # what the silent ones wait for

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.pt"


@contextmanager
def shelf(*behaviours: Behaviour, content: bytes = CONTENT, tag: str = '"one"') -> Iterator[Shelf]:
    """A shelf that stands until the end of the block."""
    with Shelf(*behaviours, content=content, tag=tag) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.open.set()
            server.shutdown()
            thread.join(10)


def start_of(asked: Asked) -> int:
    """From where on the file is asked for, and in the state that the shelf has it in."""
    wanted, state = asked.headers.get("Range", ""), asked.headers.get("If-Range", "")
    if not wanted or (state and state != asked.server.tag):
        return 0
    return int(wanted.removeprefix("bytes=").removesuffix("-"))


def _begin(asked: Asked) -> bytes:
    content, start, tag = asked.server.content, start_of(asked), asked.server.tag
    tags = {"ETag": tag} if tag else {}
    if start >= len(content):
        asked.head(416, 0)
        return b""
    if start:
        asked.head(206, len(content) - start, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}", **tags)
    else:
        asked.head(200, len(content), **tags)
    return content[start:]


def whole(asked: Asked) -> None:
    """As it should be: all of it, or the rest."""
    asked.wfile.write(_begin(asked))


def without_ranges(asked: Asked) -> None:
    """Always all of it."""
    asked.head(200, len(asked.server.content))
    asked.wfile.write(asked.server.content)


def cut_after(count: int) -> Behaviour:
    """So many bytes, then the connection ends."""
    return lambda asked: void(asked.wfile.write(_begin(asked)[:count]))


def silent_after(count: int) -> Behaviour:
    """So many bytes, then nothing until the test ends."""

    def answer(asked: Asked) -> None:
        asked.wfile.write(_begin(asked)[:count])
        asked.server.open.wait(20)

    return answer


def refuse(code: int, **headers: str) -> Behaviour:
    """An error."""
    return lambda asked: asked.head(code, 0, **headers)


def redirect(url: str) -> Behaviour:
    """Elsewhere."""
    return lambda asked: asked.head(302, 0, Location=url)


def endless(asked: Asked) -> None:
    """No length, and no end."""
    asked.head(200, None)
    while not asked.server.open.is_set():
        asked.wfile.write(bytes(1 << 16))


def void(_: object) -> None:
    """What was written does not matter."""
