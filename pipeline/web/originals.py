"""Originals: an upload that a session protects others from stays as long as that session, and no longer.

Whoever holds one holds the lock of a file beside it, which the kernel lets go of with its process: where the file is
there and the lock is free, no session is left that needs the upload, whatever became of the server.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

from pipeline.instances import lock

MARK = "with-session"


class Originals:
    """Which session holds which upload, by the folder that it is in. All of it looks at the disk; any thread may."""

    def __init__(self) -> None:
        self._holders: dict[Path, set[str]] = {}
        self._locks: dict[Path, int] = {}
        self._turn = threading.Lock()

    def renew(self, session: str, folder: Path | None, *, protected: bool) -> None:
        """A session runs on this upload now (None: on none). One that it held goes with it also where the session no
        longer protects; what it held else is gone."""
        with self._turn:
            held = {known for known, sessions in self._holders.items() if session in sessions}
            for other in held - {folder}:
                self._drop(session, other)
            if folder is not None and (protected or folder in held):
                self._hold(session, folder)

    def let_go(self, session: str) -> None:
        """What no other session holds is gone."""
        self.renew(session, None, protected=False)

    def _hold(self, session: str, folder: Path) -> None:
        self._holders.setdefault(folder, set()).add(session)
        if folder not in self._locks and folder.is_dir() and (held := lock(folder / MARK)) is not None:
            self._locks[folder] = held

    def _drop(self, session: str, folder: Path) -> None:
        self._holders[folder].discard(session)
        if self._holders[folder]:
            return
        del self._holders[folder]
        shutil.rmtree(folder, ignore_errors=True)
        if (held := self._locks.pop(folder, None)) is not None:
            os.close(held)


def is_left(folder: Path) -> bool:
    """Whether that is an upload whose session is gone without having taken it along."""
    if not (folder / MARK).exists():
        return False
    held = lock(folder / MARK)
    if held is None:
        return False
    os.close(held)
    return True
