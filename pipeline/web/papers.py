"""What a session's run leaves in writing: its report and its log. Reads files; knows no session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.logfile import Reader, logs
from pipeline.web.refusal import presentable

MOST_LINES = 2000


def report_of(path: Path) -> dict[str, Any] | None:
    """A run's report, without where things are on this machine; None where it wrote none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return {name: _shown(value) for name, value in found.items()}


def _shown(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shown(one) for name, one in value.items()}
        case list():
            return [_shown(one) for one in value]
        case str() if value.strip():
            return presentable(value)
    return value


def log_of(name: str) -> list[str]:
    """What the last run of that name has said so far: the last lines, fit for anybody's eyes."""
    path = next((path for path in logs() if path.name.startswith(f"{name}@")), None)
    records = Reader(path).new() if path is not None else ()
    said = [
        f"{record.time} {record.stage or 'run'} {record.kind}: {line}"
        for record, _ in records
        for line in record.text.splitlines()
    ]
    return [presentable(line) for line in said[-MOST_LINES:]]
