"""Bars and lines about long work: where a terminal is, where none is, and where nobody wants to hear of it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress

from pipeline.cli import bars
from pipeline.cli.bars import Bars
from pipeline.cli.jobbar import JobBar
from pipeline.jobs.job import State

STATE = State(
    done=3, failed=0, total=14, frames=100, frames_done=41, left_s=125.0,
    under_way={4: 6, 5: 0}, lengths={4: 10, 5: 10}, lanes=2,
)  # fmt: skip


class Plain(Bars):
    """One bar, and a line where none is."""

    def _begin(self, bar: Progress) -> None:
        bar.add_task("at work", total=1)

    def tick(self) -> None:
        if self._line_is_due():
            self._write_line("at work")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock shows, to be set."""
    now = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr(bars, "Console", lambda **_: console)
    return shown


def test_without_a_terminal_there_is_a_line_every_ten_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Plain(quiet=False) as shown:
        for second in range(31):
            clock[0] = float(second)
            shown.tick()
    assert capsys.readouterr().err.splitlines() == ["cleanplate: at work"] * 3


def test_when_quiet_there_is_neither_line_nor_bar(
    clock: list[float], terminal: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with Plain(quiet=True) as shown:
        clock[0] = 100.0
        shown.tick()
    assert (terminal.getvalue(), capsys.readouterr().err) == ("", "")


def test_on_a_terminal_there_is_a_bar_and_no_line(
    terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "EVERY_S", 0.0)
    with Plain(quiet=False) as shown:
        shown.tick()
    assert "at work" in terminal.getvalue()
    assert capsys.readouterr().err == ""


def test_a_terminal_that_is_gone_ends_no_work(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    with Plain(quiet=False) as shown:
        clock[0] = 100.0
        shown.tick()


def test_of_a_job_the_whole_is_shown_and_each_segment_under_way(terminal: io.StringIO) -> None:
    with JobBar(quiet=False) as shown:
        shown.show(STATE)
        shown.show(replace(STATE, done=4, failed=1, left_s=None, under_way={5: 3}))
        assert shown._bar
        shown._bar.refresh()
    last = terminal.getvalue().rsplit("whole", 1)[1]
    assert "4 of 14 segments, 1 failed, 41 %" in last
    assert "segment 5" in last
    assert "segment 4" not in last


def test_of_a_job_without_a_terminal_a_line_says_the_same(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with JobBar(quiet=False) as shown:
        shown.show(STATE)
        clock[0] = 10.0
        shown.show(STATE)
    assert capsys.readouterr().err == "cleanplate: 3 of 14 segments, 41 %, 2:05 left\n"
