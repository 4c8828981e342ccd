"""Hashing: the SHA-256 of a file as a whole and of each of its blocks, so that the first altered one can be named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 20  # bytes

Hashed = Callable[[str, int, int], None]
"""Told now and then: the name of a file, bytes done, bytes in all."""


@dataclass(frozen=True)
class FileHash:
    """Of one file. `blocks` are those of `block` bytes each, the last one what is left."""

    size: int
    sha256: str
    blocks: tuple[str, ...]
    block: int = BLOCK


@dataclass(frozen=True)
class Difference:
    """Where a file is not what it was: bytes `first` to `last` (exclusive) hold the first one that differs."""

    first: int
    last: int
    why: str

    def __str__(self) -> str:
        return f"bytes {self.first} to {self.last - 1}: {self.why}"


def hash_file(path: Path, told: Hashed = lambda *_: None, *, block: int = BLOCK) -> FileHash:
    """Read the whole file once. Raises OSError."""
    whole, parts, size = hashlib.sha256(), [], 0
    for part in _blocks(path, block, told):
        whole.update(part)
        parts.append(hashlib.sha256(part).hexdigest())
        size += len(part)
    return FileHash(size, whole.hexdigest(), tuple(parts), block)


def first_difference(path: Path, was: FileHash, told: Hashed = lambda *_: None) -> Difference | None:
    """Where the file is no longer what it was; None: nowhere. Raises OSError."""
    size, whole = 0, hashlib.sha256()
    for at, part in enumerate(_blocks(path, was.block, told)):
        begin, size = size, size + len(part)
        if at >= len(was.blocks):
            return Difference(begin, size, f"the file had only {was.size} bytes")
        whole.update(part)
        if hashlib.sha256(part).hexdigest() != was.blocks[at]:
            short = (
                f"the file is cut short at {size} of {was.size} bytes"
                if size < min(was.size, begin + was.block)
                else ""
            )
            return Difference(begin, min(begin + was.block, max(size, was.size)), short or "altered")
    if size != was.size:
        return Difference(size, was.size, f"the file is cut short at {size} of {was.size} bytes")
    return None if whole.hexdigest() == was.sha256 else Difference(0, size, "the manifest's own hashes do not agree")


def blocks_of(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Several lists of hashes as one."""
    return tuple(one for row in rows for one in row)


def _blocks(path: Path, block: int, told: Hashed) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        size = path.stat().st_size
        done = 0
        while part := _full(file.read, block):
            done += len(part)
            told(path.name, done, max(size, done))
            yield part


def _full(read: Callable[[int], bytes | None], size: int) -> bytes:
    """So many bytes, fewer only at the end."""
    parts = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
