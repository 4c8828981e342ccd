"""Progress of a job on stderr: a bar for the whole and one for each segment under way; lines where no terminal is."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from pipeline.jobs.job import State

EVERY_S = 10.0


class JobBar:
    """Shows how far a job is, and how long it will still take."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._whole: TaskID | None = None
        self._segments: dict[int, TaskID] = {}
        self._next = time.monotonic() + EVERY_S

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal and not self._quiet:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
                console=console, transient=True,
            )  # fmt: skip
            self._bar.start()
            self._whole = self._bar.add_task("whole", total=1, said="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self._bar:
                self._bar.stop()

    def show(self, state: State) -> None:
        """Called at every turn of the job."""
        if self._quiet:
            return
        with suppress(OSError):  # the terminal is gone; the job goes on
            if self._bar is not None:
                self._draw(self._bar, state)
            elif time.monotonic() >= self._next:
                self._next = time.monotonic() + EVERY_S
                print(f"cleanplate: {summary(state)}", file=sys.stderr, flush=True)

    def _draw(self, bar: Progress, state: State) -> None:
        assert self._whole is not None
        bar.update(self._whole, completed=state.frames_done, total=state.frames, said=summary(state))
        for index in self._segments.keys() - state.under_way.keys():
            bar.remove_task(self._segments.pop(index))
        for index, frames in state.under_way.items():
            if index not in self._segments:
                self._segments[index] = bar.add_task(f"segment {index}", total=state.lengths[index], said="")
            bar.update(self._segments[index], completed=frames)


def summary(state: State) -> str:
    """As `3 of 14 segments, 41 %, 2:05 left`."""
    said = f"{state.done} of {state.total} segments"
    said += f", {state.failed} failed" if state.failed else ""
    said += f", {100 * state.frames_done / max(1, state.frames):.0f} %"
    if state.left_s is None:
        return said
    minutes, seconds = divmod(round(state.left_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{said}, {f'{hours}:{minutes:02d}:{seconds:02d}' if hours else f'{minutes}:{seconds:02d}'} left"
