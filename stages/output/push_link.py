"""Link: packets to a server from a thread of their own; comes back by itself, and keeps the pipeline waiting never."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from stages.ingest.backoff import Backoff
from stages.output.push_carrier import CarrierError

if TYPE_CHECKING:
    from av.packet import Packet


class Connection(Protocol):
    """What a link sends to."""

    def send(self, packet: Packet[Any]) -> None:
        """Raises CarrierError."""

    def end(self, *, gently: bool) -> None: ...


class Link:
    """Takes packets while it is up, `most` at a time: where more wait, all that wait are dropped, and what is taken
    next is a key frame, as after each new connection."""

    def __init__(
        self,
        connect: Callable[[Callable[[], bool], Callable[[str], None]], Connection],
        most: int,
        backoff: Backoff | None = None,
    ) -> None:
        self._connect, self._most, self._backoff = connect, most, backoff or Backoff()
        self._waiting: deque[Packet[Any]] = deque()
        self._turn = threading.Condition()
        self._over = False  # no packet comes any more; what waits is still sent
        self._leaving = False
        self.up = False
        self.wants_key = True
        self.connections = self.sent = self.dropped = 0
        self.trouble = ""  # why it is not up, or was not the last time
        self._thread = threading.Thread(target=self._work, name="push", daemon=True)
        self._thread.start()

    def put(self, packet: Packet[Any]) -> None:
        """Never waits. What is no key frame where one is needed is dropped."""
        with self._turn:
            if not self.up or (self.wants_key and not packet.is_keyframe):
                self.dropped += 1
                return
            if len(self._waiting) >= self._most:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                if not packet.is_keyframe:
                    self.dropped += 1
                    self.wants_key = True
                    return
            self.wants_key = False
            self._waiting.append(packet)
            self._turn.notify()

    def finish(self) -> None:
        """No more packets: send what waits, say goodbye."""
        with self._turn:
            self._over = True
            self._turn.notify()

    def close(self, patience_s: float) -> None:
        """At once; what waits is dropped. May be called again."""
        with self._turn:
            self._over = self._leaving = True
            self._turn.notify()
        self._thread.join(patience_s)

    @property
    def waiting(self) -> int:
        """Packets that were taken and not sent yet."""
        return len(self._waiting)

    @property
    def ended(self) -> bool:
        """Whether `finish()` has come to its end."""
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._over:
            try:
                connection = self._connect(lambda: self._over, self._complain)
            except CarrierError as error:
                self._complain(str(error))
                with self._turn:
                    self._turn.wait_for(lambda: self._over, self._backoff.next())
                continue
            self._backoff.reset()
            self._begin()
            try:
                self._send_to(connection)
                lost = False
            except CarrierError as error:
                self._complain(str(error))
                lost = True
            self._lose()
            connection.end(gently=not lost)

    def _complain(self, why: str) -> None:
        self.trouble = self.trouble if self._over else why

    def _begin(self) -> None:
        with self._turn:
            self.up = self.wants_key = True
            self.connections += 1

    def _lose(self) -> None:
        with self._turn:
            self.up = False
            self.dropped += len(self._waiting)
            self._waiting.clear()

    def _send_to(self, connection: Connection) -> None:
        """Until the end. Raises CarrierError."""
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._over)
                if self._leaving or not self._waiting:
                    return
                packet = self._waiting.popleft()
            try:
                connection.send(packet)
            except CarrierError:
                self.dropped += 1
                raise
            self.sent += 1
