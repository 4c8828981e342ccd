"""Progress of a measurement on stderr: one line that changes on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status


class Telling:
    """Says what is being measured now, and for how long this has been going on."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, text: str) -> None:
        seconds = time.monotonic() - self._begun
        line = f"{seconds:4.0f} s  {text}"
        if self._status:
            self._status.update(line)
        else:
            print(f"cleanplate: {line.strip()}", file=sys.stderr, flush=True)
