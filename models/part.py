"""The unfinished file of a download: locked while it is worked on, hashed as it grows, renamed when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from models.base import ModelError

PIECE = 1 << 20
LOOK_EVERY = 0.2  # seconds between two looks at a lock that another holds


def source_of(url: str) -> str:
    """What tells one address from another without holding the password that may be in it."""
    return hashlib.sha256(url.encode()).hexdigest()


class Part:
    """`TARGET.part`, and beside it `TARGET.part.tag`, which says of what it is a part.

    The file is its own lock, which dies with its owner. Whoever gets the lock may find that the file has been renamed
    or removed meanwhile: then it opens the new one.
    """

    def __init__(self, target: Path, url: str, algorithm: str) -> None:
        self.path = target.with_name(target.name + ".part")
        self.size = 0
        self.tag = ""  # what the server calls this state of its file; empty where it does not say
        self.joined = False  # was it put together from several answers?
        self.waited = False  # for another owner?
        self._tags = target.with_name(target.name + ".part.tag")
        self._source, self._algorithm = source_of(url), algorithm
        self._ours = False
        self._open = ExitStack()
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._file: BinaryIO

    def lock(self, seconds: float, clock: Callable[[], float], wait: Callable[[float], None]) -> None:
        """Open the file and wait until nobody else works on it. Raises ModelError after that many seconds, OSError."""
        until = clock() + seconds
        while not self._taken():
            self._open.close()
            self.waited = True
            if clock() > until:
                raise ModelError(f"{self.path}: another process has been at it for {seconds:.0f} s; next: see which")
            wait(LOOK_EVERY)
        self._ours = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error and self._ours and not self.size:
            self.remove()  # nothing to go on from
        self._open.close()

    def recall(self) -> None:
        """Hash what an earlier owner left, to go on from there."""
        self.tag = self._read_tag()
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            self._digest.update(piece)
            self.size += len(piece)
        self.joined = self.size > 0

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def begin(self, tag: str) -> None:
        """Drop what is there; what comes now is a part of the file in the state called `tag`."""
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.new(self._algorithm, usedforsecurity=False)
        self.size, self.tag, self.joined = 0, tag, False
        self._tags.write_text(json.dumps({"source": self._source, "tag": tag}))

    def digest(self) -> str:
        return self._digest.hexdigest()

    def finish(self, target: Path) -> None:
        """Make it the target: on the disk before it has the name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self.path, target)
        sync_folder(target.parent)
        self._tags.unlink(missing_ok=True)

    def remove(self) -> None:
        self._tags.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _taken(self) -> bool:
        self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        self._open.enter_context(self._file)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.path))
        except (BlockingIOError, FileNotFoundError):
            return False

    def _read_tag(self) -> str:
        try:
            content = json.loads(self._tags.read_text())
            return str(content["tag"]) if content["source"] == self._source else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""  # whose it is cannot be said: then only the hash at the end can tell


def sync_folder(folder: Path) -> None:
    """Write a folder's names through to the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
