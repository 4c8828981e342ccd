"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from rich.progress import Progress as Bar
from rich.progress import TaskID

from pipeline.cli.bars import Bars
from pipeline.reading import escaped
from pipeline.supervisor import Supervisor


class Progress(Bars):
    """Shows how far a run is, and what it has to say."""

    def __init__(self, *, quiet: bool, total: int | None) -> None:
        super().__init__(quiet=quiet)
        self._total = total
        self._task: TaskID | None = None

    def _begin(self, bar: Bar) -> None:
        self._task = bar.add_task("starting", total=None)

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
        due = self._line_is_due()
        if not due and self._bar is None:
            return
        done = supervisor.ledger.fates["output"] + supervisor.ledger.fates["blanked"]
        total = self._expected(supervisor)
        seconds = time.monotonic() - supervisor.books.meter.first_in if supervisor.books.meter.first_in else 0.0
        rate = f"{done / seconds:.1f} frames/s" if done and seconds > 0 else supervisor.phase.value
        if due:
            self._write_line(f"{done}{f' of {total}' if total else ''} frames, {rate}")
        elif self._bar and self._task is not None:
            with suppress(OSError):  # the terminal is gone; the run goes on
                self._bar.update(self._task, completed=done, total=total, description=rate)

    def _expected(self, supervisor: Supervisor) -> int | None:
        declared = supervisor.staffing.spec.declared_frames if supervisor.staffing.spec else None
        known = [number for number in (self._total, declared) if number]
        return min(known) if known else None
