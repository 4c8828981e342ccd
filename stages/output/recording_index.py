"""Index: which files of a folder a recording has made, on disk before they are; nothing else in it is ever touched."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import RunError, SetupError
from stages.media import reason, shown
from stages.output.publish import sync

NAME = "recording.index"
MADE = re.compile(r"\d{8}T\d{6}\.\d{3}Z-\d{6,9}\.(mp4|mkv|mov|avi|webm)")
PART = ".part"
ENDINGS = (PART, ".part.out", ".part.new")  # of what lies beside a segment while it is made
SPARE_LINES = 1000  # about what is gone, before the index is written anew


@dataclass
class Segment:
    """One file of a recording: its name says when its first frame came; `first` is that frame's number in its run, and
    `run` the process that supervised it."""

    name: str
    first: int
    run: int = 0
    over: bool = False
    size: int = 0  # bytes, when it is complete

    @property
    def begun(self) -> datetime:
        return datetime.strptime(self.name[:19] + "+0000", "%Y%m%dT%H%M%S.%f%z")


class Index:
    """The segments in a folder, oldest first. A line is written before a segment is begun and when it is over."""

    def __init__(self, folder: Path) -> None:
        """Raises SetupError, also where another recording writes into the folder at the moment."""
        self.folder = folder
        try:
            folder.mkdir(exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SetupError(f"{shown(folder)}: cannot be made a folder for a recording ({reason(error)})") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._number, self.segments = self._read()
            self._rewrite()
        except BlockingIOError as error:
            os.close(self._lock)
            raise SetupError(f"{shown(folder)}: another recording writes there; take another folder") from error
        except OSError as error:
            os.close(self._lock)
            raise SetupError(f"{shown(folder)}: cannot be written to ({reason(error)})") from error

    @property
    def bytes(self) -> int:
        """Of all complete segments."""
        return sum(segment.size for segment in self.segments)

    def path(self, segment: Segment) -> Path:
        return self.folder / segment.name

    def part(self, segment: Segment) -> Path:
        return self.folder / f"{segment.name}{PART}"

    def begin(self, now: datetime, ending: str, first: int) -> Segment:
        """A new segment that begins with frame `first`. Raises RunError."""
        self._number += 1
        stamp = f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z"
        segment = Segment(f"{stamp}-{self._number:06d}.{ending}", first, os.getppid())
        self._append(_beginning(segment))
        self.segments.append(segment)
        return segment

    def end(self, segment: Segment) -> None:
        """No further frame comes into it. Raises RunError."""
        segment.over = True
        self._append({"end": segment.name})

    def forget(self, segment: Segment) -> None:
        """It is gone, or never held anything."""
        self.segments.remove(segment)
        self._gone += 1
        if self._gone > SPARE_LINES:
            self._rewrite()

    def delete(self, segment: Segment) -> None:
        """Delete a complete segment. Raises OSError."""
        self.path(segment).unlink(missing_ok=True)
        self.forget(segment)

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _read(self) -> tuple[int, list[Segment]]:
        """What an index of earlier says, as far as it is true. A torn or foreign line says nothing."""
        path, number = self.folder / NAME, 0
        known: dict[str, Segment] = {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            fact = _parsed(line)
            if isinstance(fact.get("number"), int):
                number = max(number, fact["number"])
            name, first, run = fact.get("begin"), fact.get("first"), fact.get("run")
            if isinstance(name, str) and MADE.fullmatch(name) and isinstance(first, int) and isinstance(run, int):
                known[name] = Segment(name, first, run)
                number = max(number, int(name.partition("-")[2].partition(".")[0]))
            if isinstance(name := fact.get("end"), str) and name in known:
                known[name].over = True
        return number, [segment for segment in known.values() if self._is_there(segment)]

    def _is_there(self, segment: Segment) -> bool:
        """Fills in its size, where it is complete."""
        if is_file(self.part(segment)):
            return True
        segment.over = True
        if not is_file(self.path(segment)):
            return False
        segment.size = self.path(segment).stat().st_size
        return True

    def _rewrite(self) -> None:
        """Raises OSError."""
        facts: list[dict[str, Any]] = [{"made by": "cleanplate", "number": self._number}]
        for segment in self.segments:
            facts.append(_beginning(segment))
            facts += [{"end": segment.name}] if segment.over else []
        path = self.folder / NAME
        fresh = path.with_name(f"{NAME}.new")
        fresh.write_text("".join(f"{json.dumps(fact)}\n" for fact in facts))
        sync(os.fspath(fresh))
        os.replace(fresh, path)
        self._gone = 0

    def _append(self, fact: dict[str, Any]) -> None:
        path = self.folder / NAME
        try:
            with path.open("a") as file:
                file.write(f"{json.dumps(fact)}\n")
        except OSError as error:
            raise RunError(f"{shown(path)}: cannot be written ({reason(error)})") from error


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none, or none any more."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def is_file(path: Path) -> bool:
    """A file itself: no folder, and no link to anything."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _beginning(segment: Segment) -> dict[str, Any]:
    return {"begin": segment.name, "first": segment.first, "run": segment.run}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(line)
    except ValueError:
        return {}
    return fact if isinstance(fact, dict) else {}
