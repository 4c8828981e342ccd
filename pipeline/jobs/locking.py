"""Locking: a job's folder is one process's while it works there; the kernel lets go when that dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipeline.errors import ConfigError, RunError
from pipeline.instances import lock


def _forget_if_empty(folder: Path) -> None:
    """A job that was refused leaves nothing."""
    with suppress(OSError):
        if os.listdir(folder) == ["lock"]:
            (folder / "lock").unlink()
            folder.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A job is nobody else's while its lock is held. Raises ConfigError where it is."""
    with ExitStack() as held:
        try:
            folder.mkdir(exist_ok=True)
            fd = lock(folder / "lock")
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error
        if fd is None:
            raise ConfigError(f"{folder}: another process is at work on this job")
        held.callback(os.close, fd)
        held.callback(_forget_if_empty, folder)
        yield
