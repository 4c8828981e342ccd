"""Mailbox: from the thread that reads to the one that works; small, and nobody who is late is given old things."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

ROOM = 3  # pictures come in pairs where a network is uneven: that alone is no reason to lose one

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Keeps `room` things in order. One more than that means that nobody keeps up: the newest alone stays."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._overwritten = 0

    def put(self, thing: T) -> None:
        with self._changed:
            if len(self._waiting) >= self._room:
                self._overwritten += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(thing)
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The oldest that waits; None where none comes in time."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout_s)
            return self._waiting.popleft() if self._waiting else None

    def overwritten(self) -> int:
        """How many nobody has taken, since the last call."""
        with self._changed:
            number, self._overwritten = self._overwritten, 0
            return number
