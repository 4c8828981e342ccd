"""Desk: a stage's line to the supervisor, from inside its worker."""

from __future__ import annotations

import time

from pipeline.control import HEARTBEAT, ControlClient
from pipeline.messages import Heartbeat, Note, Tally, as_unicode
from pipeline.stage import Context


class Desk(Context):
    """A stage's line to the supervisor."""

    def __init__(self, client: ControlClient) -> None:
        super().__init__()
        self._client = client
        self._spoke = time.monotonic()
        self._told: set[str] = set()

    def progress(self) -> None:
        now = time.monotonic()
        if now - self._spoke >= HEARTBEAT / 2:
            self._spoke = now
            self._client.send(Heartbeat())

    def note(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._client.send(Note(text=as_unicode(text[:1000])))

    def tell(self) -> None:
        """Send what was counted since the last time."""
        if self.counts or self.errors:
            self._client.send(Tally(counts=dict(self.counts), errors=dict(self.errors)))
            self.counts.clear()
            self.errors.clear()
