"""Link: the sink's end of the socket on which the web process listens; sends whole records, and waits for nobody."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from stages.ingest.backoff import Backoff
from stages.output.page_wire import MAX_CREDIT, Lines, WireError, Wish, parse_wish

TURN_S = 1.0  # the longest wait of its thread
WATCHED_S = 2.0  # since the last word, while which who wished for pictures still looks at them
PIECE = 1 << 16


class Link:
    """Connects in a thread of its own, and again after each loss. One record is under way at a time: while its last
    byte has not left, `ready` is False and nobody need make another one. What a lost connection had of a record is
    gone with it: on the next one a record begins."""

    def __init__(self, path: str, views: Collection[str]) -> None:
        """`views`: those that may be shown at all; others are not heard of."""
        self.trouble = ""  # why the last connection was given up, where the other side was to blame
        self._path, self._views = path, views
        self._lock = threading.Lock()
        self._wish, self._life, self._credit, self._heard = Wish(), 0, 0, 0.0
        self._connected = self._closing = False
        self._rest = memoryview(b"")  # of the record under way
        self._ours, self._wake = socket.socketpair()
        self._ours.setblocking(False)
        self._wake.setblocking(False)
        self._backoff = Backoff(0.05, 0.5)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()

    # From the thread of the sink

    @property
    def wanted(self) -> tuple[Wish, int]:
        """What is wished for, and which connection it is, counted from 1."""
        with self._lock:
            return self._wish, self._life

    @property
    def watched(self) -> bool:
        """Whether anybody wishes for pictures, or did a moment ago."""
        with self._lock:
            return bool(self._wish.views) and (self._credit > 0 or time.monotonic() - self._heard < WATCHED_S)

    @property
    def ready(self) -> bool:
        """Whether a picture is wished for that could leave now."""
        with self._lock:
            return self._credit > 0 and bool(self._wish.views) and self._free

    @property
    def free(self) -> bool:
        """Whether somebody is there and no record is under way."""
        with self._lock:
            return self._free

    @property
    def _free(self) -> bool:
        return self._connected and not self._rest

    def send(self, record: bytes) -> bool:
        """Have it sent, at the price of a credit where there is one. False: it could not be begun, and is dropped."""
        with self._lock:
            if not self._free:
                return False
            self._credit = max(0, self._credit - 1)
            self._rest = memoryview(record)
        self._stir()
        return True

    def flush(self, seconds: float, progress: Callable[[], None]) -> None:
        """Wait until the record under way has left, so long at most."""
        until = time.monotonic() + seconds
        while self._rest and self._connected and time.monotonic() < until:
            progress()
            time.sleep(0.005)

    def close(self) -> None:
        """Let go of the connection, whatever is under way. May be called again."""
        self._closing = True
        self._stir()
        self._thread.join(2 * TURN_S)
        self._ours.close()
        self._wake.close()

    def _stir(self) -> None:
        with suppress(OSError):  # full: it is awake; closed: it is over
            self._ours.send(b".")

    # In the thread

    def _run(self) -> None:
        while not self._closing:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.setblocking(False)
                try:
                    connection.connect(self._path)
                    self._begin()
                    self._serve(connection)
                except (OSError, WireError) as error:  # nobody there, gone, or no language of ours
                    self.trouble = str(error) if isinstance(error, WireError) else ""
                self._end()
            self._sleep(self._backoff.next())

    def _begin(self) -> None:
        with self._lock:
            self._connected, self._life = True, self._life + 1

    def _end(self) -> None:
        with self._lock:
            self._connected, self._credit, self._wish = False, 0, Wish()
            self._rest = memoryview(b"")

    def _serve(self, connection: socket.socket) -> None:
        """Until it is over. Raises OSError, WireError."""
        lines, poll = Lines(), select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self._closing:
            poll.register(connection, select.POLLIN | (select.POLLOUT if self._rest else 0))
            happened = dict(poll.poll(TURN_S * 1000))
            if self._wake.fileno() in happened:
                self._wake.recv(PIECE)
            event = happened.get(connection.fileno(), 0)
            if event & ~select.POLLOUT:
                data = connection.recv(PIECE)
                if not data:
                    return
                for line in lines.feed(data):
                    self._hear(line)
            if event & select.POLLOUT:
                self._send_on(connection)

    def _hear(self, line: bytes) -> None:
        wish, credit = parse_wish(line)
        views = tuple(view for view in wish.views if view in self._views)
        with self._lock:
            self._wish = Wish(views, wish.width, wish.quality)
            self._credit, self._heard = min(MAX_CREDIT, self._credit + credit), time.monotonic()
        self._backoff.reset()

    def _send_on(self, connection: socket.socket) -> None:
        """As much as the kernel takes now."""
        rest = self._rest
        try:
            sent = connection.send(rest)
        except BlockingIOError:
            return
        with self._lock:
            self._rest = rest[sent:]

    def _sleep(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if poll.poll(seconds * 1000):
            with suppress(OSError):
                self._wake.recv(PIECE)
