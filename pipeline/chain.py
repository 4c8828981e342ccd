"""Chain: JSON lines of which each holds its own hash and that of the one before, written whole and read with suspicion.

    {"n": 1, "prev": "000...", "kind": "run", ..., "hash": SHA-256 of all of the line before this key}
    {"n": 2, "prev": the hash of line 1, ...}

What is changed, taken out, put in or moved breaks a hash, a link or a number, and the line is named. Whoever makes the
whole chain anew is not found out by it: for that the hash of its last line is to be kept elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import CleanplateError

START = "0" * 64
MOST_LINE = 4_000_000  # bytes
_KEY = b',"hash":"'
_TAIL = len(_KEY) + 64 + len(b'"}')


class BrokenError(CleanplateError):
    """A line is not what was written; `line` counts from 1."""

    exit_code = 1

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line


Link = tuple[str, dict[str, Any]]
"""The hash of a line, and what it says."""


def written(facts: Iterable[Mapping[str, Any]], number: int = 0, before: str = START) -> Iterator[bytes]:
    """The lines that say these things, to come after line `number` with that hash."""
    for fact in facts:
        number += 1
        body = json.dumps({"n": number, "prev": before, **fact}, separators=(",", ":"), default=str).encode()[:-1]
        before = hashlib.sha256(body).hexdigest()
        yield body + _KEY + before.encode() + b'"}\n'


def write(path: Path, facts: Iterable[Mapping[str, Any]]) -> str:
    """Replace the file by a chain of these, or leave it as it was; the hash of its last line. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    head = START
    try:
        with temporary.open("xb") as file:
            for line in written(facts):
                file.write(line)
                head = _hash_in(line)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return head


def append(path: Path, fact: Mapping[str, Any]) -> str:
    """Add a line to a chain that is whole; its hash. Raises OSError, BrokenError."""
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        number, head = 0, START
        for number, (head, _) in enumerate(_checked(file), 1):  # noqa: B007 - of the last one
            pass
        file.seek(0, os.SEEK_END)
        line = next(written([fact], number, head))
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    return _hash_in(line)


def read(path: Path) -> Iterator[Link]:
    """Every line that is as it was written, in order. Raises BrokenError at the first that is not, and OSError."""
    with path.open("rb") as file:
        yield from _checked(file)


def _checked(file: Any) -> Iterator[Link]:
    before, number = START, 0
    while line := file.readline(MOST_LINE):
        number += 1
        fact = _fact(number, line)
        if fact.get("n") != number:
            raise BrokenError(number, f"bears the number {fact.get('n')}: lines were taken out, put in or moved")
        if fact.get("prev") != before:
            raise BrokenError(number, "does not follow the line before it: one of them was put in, or written anew")
        before = fact.pop("hash")
        yield before, fact
    if not number:
        raise BrokenError(1, "is not there: the file is empty")


def _fact(number: int, line: bytes) -> dict[str, Any]:
    """What a line says, if its own hash is right. Raises BrokenError."""
    if not line.endswith(b"\n"):
        raise BrokenError(number, "is cut short")
    body, tail = line[: -_TAIL - 1], line[-_TAIL - 1 : -1]
    if not tail.startswith(_KEY) or hashlib.sha256(body).hexdigest().encode() != tail[len(_KEY) : -2]:
        raise BrokenError(number, "was altered: its hash is another")
    try:
        fact = json.loads(line)
    except ValueError as error:
        raise BrokenError(number, "is no JSON") from error
    if not isinstance(fact, dict):
        raise BrokenError(number, "is no JSON object")
    return fact


def _hash_in(line: bytes) -> str:
    return line[-3 - 64 : -3].decode()


def _sync_folder(path: Path) -> None:
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
