"""What must not be lost: a file is on the disk before its name is, and its name before anybody is told of it."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from stages.output.publish import sync

ENDS = 1 << 20  # bytes at the head and at the tail of a file by which it is known again


def write_durably(path: Path, text: str) -> None:
    """Replace a file, or leave it as it was: data, then name, then folder. One writer at a time; what a kill leaves
    beside it the next one takes. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(os.fspath(path.parent))


def move_durably(made: Path, path: Path) -> None:
    """Give a file that is on the disk its name. Raises OSError."""
    sync(os.fspath(made))
    os.replace(made, path)
    sync(os.fspath(path.parent))


def store(path: Path, content: memoryview, sha256: str) -> None:
    """Bytes that came from elsewhere become a file, on the disk, when they are what they should be. Raises OSError."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{path.name} is not what was sent")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        move_durably(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Of the whole file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ends_of(path: Path) -> str:
    """SHA-256 of a file's size, head and tail: enough to know a film again, without reading all of it. Raises
    OSError."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(ENDS))
        if size > ENDS:
            file.seek(max(ENDS, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()
