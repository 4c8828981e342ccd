"""Watcher: looks at a run once a second and carries out orders, in a thread of its own: the screen never waits.

One request is under way at a time, and each has its time-out: however long a run hangs, nothing piles up.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from textual.message import Message

from pipeline.cli import live
from pipeline.cli.figures import Look
from pipeline.cli.usage import Meter
from pipeline.errors import CleanplateError, ConfigError, RunError
from pipeline.instances import is_locked, lock_of
from pipeline.logfile import Reader, logs

EVERY_S = 1.0
PATIENCE_S = 2.0  # for an answer
MOST_ORDERS = 20  # that wait: a key that is held down


class Looked(Message):
    """The run has answered."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look


class Said(Message):
    """What became of an order, or why the run did not answer a look (`silent`), in one line."""

    def __init__(self, text: str, *, wrong: bool = False, silent: bool = False) -> None:
        super().__init__()
        self.text, self.wrong, self.silent = text, wrong, silent


class Ended(Message):
    """The run is no more; `text` says how it ended. Nothing follows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Watcher(threading.Thread):
    """Tells `told` what it sees, until the run ends or `leave` is called."""

    def __init__(self, name: str, told: Callable[[Message], object]) -> None:
        super().__init__(name=f"watcher of {name}", daemon=True)  # a request under way must not hold up `q`
        self._run = name
        self._told = told
        self._orders: queue.Queue[Callable[[], str] | None] = queue.Queue(MOST_ORDERS)
        self._meter = Meter()
        self._pid: int | None = None
        self._log = log_of(name)

    def order(self, deed: Callable[[], str]) -> None:
        """Have something done when its turn comes; what it returns is told."""
        try:
            self._orders.put_nowait(deed)
        except queue.Full:
            self._told(Said("too many keys at a time; the run has not answered yet", wrong=True))

    def leave(self) -> None:
        self._orders.put(None) if self._orders.empty() else None

    def run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - a screen that stands still must not look like a run that does
            self._told(Ended(f"top itself failed, the run goes on: {type(error).__name__}: {error}"))

    def _watch(self) -> None:
        due = time.monotonic()
        while self._look():
            due = max(due + EVERY_S, time.monotonic())
            while (left := due - time.monotonic()) > 0:
                try:
                    deed = self._orders.get(timeout=left)
                except queue.Empty:
                    break
                if deed is None:
                    return
                self._carry_out(deed)
                due = time.monotonic()  # show what it has changed

    def _carry_out(self, deed: Callable[[], str]) -> None:
        try:
            self._told(Said(deed()))
        except CleanplateError as error:
            self._told(Said(str(error), wrong=True))

    def _look(self) -> bool:
        """Look once; False where the run has ended."""
        try:
            answer = live.status(self._run, PATIENCE_S)
        except (ConfigError, RunError) as error:
            if not is_locked(lock_of(self._run)):
                return self._end()
            self._told(Said(str(error), wrong=True, silent=True))
            return True
        self._pid = self._pid or answer["pid"]
        if answer["pid"] != self._pid:  # the next run of that name
            return self._end()
        pids = [worker["pid"] for stage in answer["stages"].values() for worker in stage["workers"]]
        usages, devices = self._meter.read(pids), self._meter.devices()
        self._told(Looked(Look(answer, time.monotonic(), usages, devices)))
        return True

    def _end(self) -> bool:
        self._told(Ended(how_it_ended(self._log)))
        return False


def log_of(name: str) -> Path | None:
    """The log of the run of this name that goes on; None where it keeps none."""
    return next((path for path in logs() if path.stem.partition("@")[0] == name and is_locked(path)), None)


def how_it_ended(log: Path | None) -> str:
    """What the log of an ended run says last, in one line."""
    if log is None:
        return "it is no more, and has left no log"
    results = [record.text for record, _ in Reader(log).new() if record.kind == "result"]
    return results[-1].splitlines()[0].partition(": {")[0] if results else "it was killed"  # without the counts
