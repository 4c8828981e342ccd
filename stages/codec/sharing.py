"""Sharing: several runs of this user have one cap together; each takes its part of it, while others come and go.

Who shares is a locked file whose name holds its weight. The kernel lets go of a lock when its holder dies, however it
dies: so nobody's part stays taken.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from pipeline.environment import state_dir
from pipeline.errors import SetupError
from pipeline.instances import SHARES, is_locked, lock, private_dir
from pipeline.plan import NAME

MEMBER = re.compile(r"[0-9a-f]{16}@(\d+(?:\.\d+)?(?:e[+-]\d+)?)")
TRIES = 100


class Share:
    """One run's part of the cap called `name`, for as long as it is not closed."""

    def __init__(self, name: str, weight: float = 1.0) -> None:
        """`weight`: of two runs, one of weight 2 takes twice what one of weight 1 does. Raises SetupError."""
        if not re.fullmatch(NAME, name):
            raise SetupError(f"share: {name!r}: small letters, digits, - and _, at most 48")
        if not 0 < weight < float("inf"):
            raise SetupError(f"{weight = } of a share must be above 0")
        self._weight = weight
        try:
            self._folder = private_dir(private_dir(state_dir()) / SHARES) / f"{name}.share"
            self._path, self._lock = self._join()
        except OSError as error:
            why = f"{error.filename}: {error.strerror}; CLEANPLATE_STATE sets the folder"
            raise SetupError(f"share: {name!r}: {why}") from error

    def _join(self) -> tuple[Path, int]:
        for _ in range(TRIES):
            path = self._folder / f"{secrets.token_hex(8)}@{self._weight!r}"
            held = lock(path)
            if held is not None:
                return path, held
        raise SetupError(f"{self._folder}: no file there can be locked; CLEANPLATE_STATE sets the folder")

    def part(self) -> float:
        """Of the cap, 0 to 1: 1 where nobody else shares it now."""
        others = sum(self._weight_of(path) for path in self._folder.iterdir() if path != self._path)
        return self._weight / (self._weight + others)

    def _weight_of(self, path: Path) -> float:
        """0 of one who is dead; then no trace of it is left."""
        member = MEMBER.fullmatch(path.name)
        if member is None:
            return 0.0
        if is_locked(path):
            return float(member[1])
        held = lock(path)
        if held is not None:
            path.unlink(missing_ok=True)
            os.close(held)
        return 0.0

    def close(self) -> None:
        """Leave the cap to the others."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)
        with suppress(OSError):  # others are in it
            self._folder.rmdir()
