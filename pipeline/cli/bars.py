"""How far something is, on stderr: bars where a terminal is, a line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

EVERY_S = 10.0  # between two lines where there is no terminal


class Bars:
    """Shown while it is entered; what they say is given by who knows it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._next = time.monotonic() + EVERY_S

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal and not self._quiet:
            self._bar = Progress(*self._columns(), console=console, transient=True)
            self._bar.start()
            self._begin(self._bar)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal is gone
            if self._bar:
                self._bar.stop()

    def _columns(self) -> Sequence[ProgressColumn]:
        return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()

    def _begin(self, bar: Progress) -> None:
        """Add the first bar: there is a terminal, and somebody wants to see it."""
        raise NotImplementedError

    def _line_is_due(self) -> bool:
        """Whether to write a line, for want of bars; the next one is due `EVERY_S` later."""
        if self._quiet or self._bar or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + EVERY_S
        return True

    def _write_line(self, text: str) -> None:
        with suppress(OSError):  # the terminal is gone; the work goes on
            print(f"cleanplate: {text}", file=sys.stderr, flush=True)
