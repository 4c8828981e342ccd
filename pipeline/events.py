"""Events: what a run in a child process tells the process that began it, a JSON line each."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, Self

MOST_WAITING = 4_000_000  # bytes of events that nobody has read yet; what comes then is lost
LAST_WORDS_S = 10.0


class Events:
    """Written to `fd`. The parent is never waited for, but at the end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting = bytearray()
        os.set_blocking(fd, False)

    @classmethod
    def on_stdout(cls) -> Self:
        """On this process's stdout. What others print from now on is no event: it goes where errors go."""
        events = cls(os.dup(sys.stdout.fileno()))
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return events

    def say(self, event: str, **facts: Any) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._add(event, facts)
        self.flush()

    def flush(self) -> None:
        """Pass on as much as the parent takes."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting[:65536])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._waiting.clear()  # nobody listens any more

    def finish(self, **facts: Any) -> None:
        """Say how it ended, and wait until everything is said, or the parent takes nothing for a while."""
        self._add("end", facts)
        self.flush()
        while self._waiting and select.select((), (self._fd,), (), LAST_WORDS_S)[1]:
            self.flush()

    def _add(self, event: str, facts: dict[str, Any]) -> None:
        self._waiting += json.dumps({"event": event, **facts}, default=str).encode() + b"\n"
