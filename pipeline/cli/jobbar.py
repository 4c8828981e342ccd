"""Progress of a job on stderr: a bar for the whole and one for each segment under way; lines where no terminal is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn

from pipeline.cli.bars import Bars
from pipeline.jobs.job import State


class JobBar(Bars):
    """Shows how far a job is, and how long it will still take."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._whole: TaskID | None = None
        self._segments: dict[int, TaskID] = {}

    def _columns(self) -> Sequence[ProgressColumn]:
        return TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}")

    def _begin(self, bar: Progress) -> None:
        self._whole = bar.add_task("whole", total=1, said="")

    def show(self, state: State) -> None:
        """Called at every turn of the job."""
        if self._line_is_due():
            self._write_line(summary(state))
        elif self._bar:
            with suppress(OSError):  # the terminal is gone; the job goes on
                self._draw(self._bar, state)

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
