"""Desk: a stage's line to the supervisor, from inside its worker."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from pipeline.control import HEARTBEAT, ControlClient
from pipeline.messages import Bulletin, Drain, End, Heartbeat, Note, State, Stop, Tally, as_unicode
from pipeline.stage import Context, News

MOST_LINES = 10  # within a second
LONGEST_LINE = 200  # characters


class Desk(Context):
    """A stage's line to the supervisor."""

    def __init__(self, client: ControlClient) -> None:
        super().__init__()
        self._client = client
        self._spoke = time.monotonic()
        self._told: set[str] = set()
        self._lined: deque[float] = deque(maxlen=MOST_LINES)  # when the last ones went out
        self._unread: deque[Any] = deque()

    def receive(self, timeout_s: float) -> Any | None:
        """The next message, or None after that time. Raises ProtocolError."""
        return self._unread.popleft() if self._unread else self._client.receive(timeout_s)

    def progress(self) -> None:
        now = time.monotonic()
        if now - self._spoke >= HEARTBEAT / 2:
            self._spoke = now
            self._client.send(Heartbeat())

    def read(self, bulletin: Bulletin) -> None:
        """Take over what it says."""
        self.news = News(bulletin.latency_ms, bulletin.dropped, bulletin.rejected, bulletin.source)

    def asked_to_leave(self) -> bool:
        self.progress()
        while (message := self._client.receive(0)) is not None:
            self._unread.append(message)
        return any(isinstance(message, Drain | Stop) for message in self._unread)

    def says(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._client.send(State(text=as_unicode(state[:100])))

    def end(self) -> None:
        self._client.send(End())

    def note(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._client.send(Note(text=as_unicode(text[:1000])))

    def line(self, text: str) -> None:
        now = time.monotonic()
        if len(self._lined) < MOST_LINES or now - self._lined[0] >= 1.0:
            self._lined.append(now)
            self._client.send(Note(text=as_unicode(text)[:LONGEST_LINE], passing=True))

    def tell(self) -> None:
        """Send what was counted since the last time."""
        if self.counts or self.errors:
            self._client.send(Tally(counts=dict(self.counts), errors=dict(self.errors)))
            self.counts.clear()
            self.errors.clear()
