"""`cleanplate logs`: what a run said, while it runs and after."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import complete
from pipeline.errors import ConfigError
from pipeline.instances import is_locked
from pipeline.logfile import Reader, Record
from pipeline.logfile import logs as all_logs
from pipeline.reading import close_match, escaped

LOOK_S = 0.2  # between two looks at a log that is followed
LAST = ("result", "failed")

HELP = """Show what a run said: its workers' starts, faults, deaths and ends, and what they wrote to stderr.

Without NAME, the latest run. The twenty latest logs are kept, each of at most 1.5 MB: its start and its end.

Examples:

  cleanplate logs

  cleanplate logs remove-people --follow --lines 20

  cleanplate logs --list

  cleanplate logs remove-people@20260131-120000 --json
"""


def logs(
    name: Annotated[
        str | None,
        typer.Argument(help="A run's name, or NAME@WHEN from `--list`.", autocompletion=complete.logs),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=0, help="Only the last so many records.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the runs that have a log.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    if listed:
        for path in all_logs():
            print(f"{path.stem:<44} {'running' if is_locked(path) else 'ended'}")
        return
    reader = Reader(find(name))
    last = _show(_tail(reader, lines), as_json=as_json)
    while follow and reader.alive:
        time.sleep(LOOK_S)
        last = _show(reader.new(), as_json=as_json) or last
    last = (_show(reader.new(), as_json=as_json) or last) if follow else last
    if last and last.kind not in LAST and not reader.alive:
        print("cleanplate: this run was killed; its log ends here", file=sys.stderr)


def find(name: str | None) -> Path:
    """The latest log of a run of this name, or of any. Raises ConfigError."""
    known = all_logs()
    for path in known:
        if name in (None, path.stem, path.stem.partition("@")[0]):
            return path
    if name is None:
        raise ConfigError("no run has left a log yet")
    names = {path.stem.partition("@")[0] for path in known} | {path.stem for path in known}
    raise ConfigError(f"no log of a run called {name!r}{close_match(name, names)}; see `cleanplate logs --list`")


def _tail(reader: Reader, lines: int | None) -> Iterator[tuple[Record, int]]:
    yield from deque(reader.new(), maxlen=lines)


def _show(records: Iterator[tuple[Record, int]], *, as_json: bool) -> Record | None:
    """Print these; returns the last one."""
    last = None
    for last, missing in records:
        if as_json:
            print(json.dumps(asdict(last)), flush=True)
            continue
        if missing:
            print(f"... {missing} records are not kept ...")
        print("\n".join(render(last)), flush=True)
    return last


def render(record: Record) -> Iterator[str]:
    """A record as lines, each with its time and its stage; nothing in it can colour or clear the terminal."""
    when = record.time[:23].replace("T", " ")
    for line in record.text.splitlines() or [""]:
        yield f"{when}  {record.stage or '-':<16} {record.kind:<8} {escaped(line)}"
