"""Listeners: what the pages of a session have still to be told. Of what is soon out of date only the newest is kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

Message = Mapping[str, Any]
MOST_NOTES = 20
ORDER = ("state", "stats")  # the words of which only the last one counts
PASSING = "seconds_left"  # that it is another one by now is no news


class Listener:
    """One page. Bounded: who reads slowly costs no memory."""

    def __init__(self) -> None:
        self._newest: dict[str, Message] = {}
        self._others: deque[Message] = deque(maxlen=MOST_NOTES)
        self._news = asyncio.Event()

    def tell(self, message: Message) -> None:
        if message["type"] in ORDER:
            self._newest[str(message["type"])] = message
        else:
            self._others.append(message)
        self._news.set()

    async def next(self) -> Message:
        """The next thing to be told. Waits for it."""
        while True:
            for message in self.rest():
                return message
            self._news.clear()
            await self._news.wait()

    def rest(self) -> Iterator[Message]:
        """What there is to be told now; what is taken is told."""
        while self._newest or self._others:
            kind = next((kind for kind in ORDER if kind in self._newest), None)
            yield self._newest.pop(kind) if kind else self._others.popleft()


class Listeners:
    """All pages of a session."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self._state: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, state: Message) -> Listener:
        """One more, who is told how it is first of all."""
        listener = Listener()
        listener.tell({"type": "state", **state})
        self._all.add(listener)
        return listener

    def remove(self, listener: Listener) -> None:
        self._all.discard(listener)

    def tell(self, message: Message) -> None:
        for listener in self._all:
            listener.tell(message)

    def announce(self, state: Message) -> None:
        """Tell all how it is, where something of it is new."""
        known = {name: value for name, value in state.items() if name != PASSING}
        if known != self._state:
            self._state = known
            self.tell({"type": "state", **state})
