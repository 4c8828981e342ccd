"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pipeline.reading import escaped
from pipeline.supervisor import Supervisor

EVERY_S = 10.0  # between two lines where there is no terminal


class Progress:
    """Shows how far a run is, and what it has to say."""

    def __init__(self, *, quiet: bool, total: int | None) -> None:
        self._quiet = quiet
        self._total = total
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._next = time.monotonic() + EVERY_S

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal and not self._quiet:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self._bar:
                self._bar.stop()

    def say(self, text: str) -> None:
        """Something the user should know once, whatever a stage has put into it."""
        if self._quiet:
            return
        with suppress(OSError):  # the terminal is gone: the log has it, and the run goes on
            self._print(f"cleanplate: {escaped(text)}")

    def line(self, text: str) -> None:
        """How it is going, above the bar, as the stage has written it."""
        if self._quiet:
            return
        with suppress(OSError):
            self._print(escaped(text), soft_wrap=True)

    def _print(self, text: str, *, soft_wrap: bool = False) -> None:
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=soft_wrap)
        else:
            print(text, file=sys.stderr, flush=True)

    def hashing(self, name: str, done: int, total: int) -> None:
        """Called while the files of a manifest are hashed."""
        if self._bar and self._task is not None:
            of = max(1, total >> 20)
            self._bar.update(self._task, completed=done >> 20, total=of, description=f"hashing {escaped(name)}, MiB")

    def tick(self, supervisor: Supervisor) -> None:
        """Called at every turn of the run's loop."""
        if self._quiet or (self._bar is None and time.monotonic() < self._next):
            return
        done = supervisor.ledger.fates["output"] + supervisor.ledger.fates["blanked"]
        total = self._expected(supervisor)
        seconds = time.monotonic() - supervisor.books.meter.first_in if supervisor.books.meter.first_in else 0.0
        rate = f"{done / seconds:.1f} frames/s" if done and seconds > 0 else supervisor.phase.value
        with suppress(OSError):
            if self._bar and self._task is not None:
                self._bar.update(self._task, completed=done, total=total, description=rate)
            else:
                self._next = time.monotonic() + EVERY_S
                of = f" of {total}" if total else ""
                print(f"cleanplate: {done}{of} frames, {rate}", file=sys.stderr)

    def _expected(self, supervisor: Supervisor) -> int | None:
        declared = supervisor.staffing.spec.declared_frames if supervisor.staffing.spec else None
        known = [number for number in (self._total, declared) if number]
        return min(known) if known else None
