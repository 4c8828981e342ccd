"""What a stage says now and then of how it is going: on stderr as it stands, in the log, never in the report."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.cli import bars
from pipeline.cli.progress import Progress
from pipeline.desk import LONGEST_LINE, MOST_LINES, Desk
from pipeline.messages import Message, Note
from pipeline.runlog import RunLog
from pipeline.stage import Context

SAID = "[F  120] BW: 0.10x | Face: 19.1 dB"


class Client:
    """Remembers what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)


def desk() -> tuple[Desk, Client]:
    client = Client()
    return Desk(client), client  # type: ignore[arg-type]


def test_a_line_travels_as_a_note_in_passing_however_often_it_is_said() -> None:
    one, client = desk()
    one.line(SAID)
    one.line(SAID)
    assert client.sent == [Note(text=SAID, passing=True)] * 2


def test_what_comes_faster_than_anybody_reads_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    one, client = desk()
    now = 100.0
    monkeypatch.setattr("pipeline.desk.time.monotonic", lambda: now)
    for number in range(50):
        one.line(f"line {number}")
    assert [message.text for message in client.sent] == [f"line {number}" for number in range(MOST_LINES)]  # type: ignore[attr-defined]
    now = 101.0
    one.line("a second later")
    assert len(client.sent) == MOST_LINES + 1


def test_a_line_has_an_end() -> None:
    one, client = desk()
    one.line("x" * 10_000 + "\udcff")
    assert client.sent == [Note(text="x" * LONGEST_LINE, passing=True)]


def test_in_a_notebook_lines_are_remembered() -> None:
    context = Context()
    context.line(SAID)
    assert context.lines == [SAID]
    assert not context.notes


def test_a_log_shows_a_line_and_tells_no_note() -> None:
    notes: list[str] = []
    lines: list[str] = []
    with RunLog(told=notes.append, lined=lines.append, secrets=["hush"]) as log:
        log.line(f"{SAID} hush", "codec")
    assert lines == [f"{SAID} ***"]
    assert not notes


def test_on_stderr_it_stands_as_it_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False, total=None) as shown:
        shown.line(f"{SAID} \x1b[31m")
    said = capsys.readouterr().err
    assert said.startswith(SAID)
    assert "\x1b" not in said


def test_when_quiet_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True, total=None) as shown:
        shown.line(SAID)
    assert capsys.readouterr() == ("", "")


def test_above_a_bar_it_is_neither_coloured_nor_broken_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=40, color_system="truecolor")
    monkeypatch.setattr(bars, "Console", lambda **_: console)
    long = f"{SAID} | BG: 12.9 dB | Overall: 16.8 dB | Net: 742.3 kbps"
    with Progress(quiet=False, total=None) as shown:
        shown.line(long)
    assert long in terminal.getvalue()


def test_a_line_is_in_the_log_with_the_stage_that_said_it(tmp_path: Path) -> None:
    from pipeline.logfile import LogFile

    path = tmp_path / "run.log"
    with RunLog(LogFile(path)) as log:
        log.line(SAID, "codec")
    assert SAID in path.read_text()
    assert "codec" in path.read_text()
