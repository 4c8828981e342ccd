"""The log of a run on disk: one JSON record a line, bounded in size, its start and its end kept; written and read here.

`NAME@WHEN.log` holds the start of the run, and its lock for as long as the run lives. What no longer fits goes to
`.log.2`, which becomes `.log.1` when it is full. Records are numbered: a gap is what was lost or is not kept.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.environment import state_dir
from pipeline.instances import LOGS, is_locked, lock, private_dir

LIMIT = 512 << 10  # bytes of each of the three files
MOST_LOGS = 20  # of ended runs


@dataclass(frozen=True)
class Record:
    """What was said. `time` is ISO 8601; `stage` names the worker too, and is empty for the run as a whole."""

    number: int
    time: str
    stage: str
    kind: str
    text: str

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def unpack(cls, line: bytes) -> Record | None:
        """None for a line that was cut short."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            return None


class LogFile:
    """Where the records of a run are written."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        """Raises OSError."""
        held = lock(path)
        if held is None:
            raise FileExistsError(f"{path} is another run's")
        self.path = path
        self._held = self._fd = held
        self._limit = limit
        self._size = os.fstat(held).st_size
        self._torn = False

    def write(self, data: bytes) -> None:
        """Append records. May block as long as the disk does. Raises OSError; what was written then is cut short."""
        if self._size and self._size + len(data) > self._limit:
            self._go_on()
        whole = (b"\n" if self._torn else b"") + data
        self._torn = True
        written = os.write(self._fd, whole)
        self._size += written
        self._torn = written < len(whole)

    def _go_on(self) -> None:
        """In the next file."""
        newest = part(self.path, 2)
        if self._fd != self._held:
            os.close(self._fd)
            self._fd = self._held  # should the next step fail
            newest.replace(part(self.path, 1))
        self._fd = os.open(newest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._size = 0

    def close(self) -> None:
        if self._fd != self._held:
            os.close(self._fd)
        os.close(self._held)


def part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def folder() -> Path:
    """Where the logs are; it need not exist."""
    return state_dir() / LOGS


def new_log(name: str, stamp: str) -> LogFile:
    """The log of a run that begins now; the oldest logs are removed. Raises OSError, ConfigError."""
    private_dir(folder())
    for old in logs()[MOST_LOGS - 1 :]:
        if not is_locked(old):
            remove(old)
    for number in range(1, 100):
        path = folder() / f"{name}@{stamp}{f'-{number}' if number > 1 else ''}.log"
        if not path.exists():
            return LogFile(path)
    raise FileExistsError(f"a hundred runs called {name!r} began at {stamp}")


def logs() -> list[Path]:
    """All logs, the newest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(folder().glob("*@*.log"), key=lambda path: (path.stem.partition("@")[2], path.stem), reverse=True)
    return []


def remove(path: Path) -> None:
    for one in (path, part(path, 1), part(path, 2)):
        one.unlink(missing_ok=True)


class Reader:
    """Reads a log that may still grow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = 0
        self._seen: dict[Path, tuple[int, int]] = {}

    @property
    def alive(self) -> bool:
        """Whether the run still goes on."""
        return is_locked(self.path)

    def new(self) -> Iterator[tuple[Record, int]]:
        """The records since the last call, each with how many are missing before it."""
        with contextlib.ExitStack() as opened:
            files: dict[Path, BinaryIO] = {}
            # The newest is opened first: were it renamed in between, it would be there twice, but none would be missed.
            for path in (part(self.path, 2), part(self.path, 1), self.path):
                with contextlib.suppress(FileNotFoundError):
                    files[path] = opened.enter_context(path.open("rb"))
            for path, file in reversed(files.items()):
                status = os.fstat(file.fileno())
                if self._seen.get(path) != (status.st_ino, status.st_size):
                    self._seen[path] = (status.st_ino, status.st_size)
                    yield from self._unread(file)

    def _unread(self, file: BinaryIO) -> Iterator[tuple[Record, int]]:
        for record in map(Record.unpack, file):
            if record and record.number > self._last:
                missing, self._last = record.number - self._last - 1, record.number
                yield record, missing
