"""Sweeping: what nobody has used for as long as media are kept goes, with the owners who have not come since."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Container
from datetime import UTC, datetime
from pathlib import Path

from pipeline.web.logs import failure_of
from pipeline.web.originals import is_left
from pipeline.web.owners import Owners
from pipeline.web.room import files_in
from pipeline.web.settings import ServeSettings

EVERY_S = 300.0
OWNER = re.compile(r"[0-9a-f]{64}")
log = logging.getLogger("cleanplate.web")


class Sweeper:
    """Runs every few minutes beside the server. `busy` gives the ids of sessions and uploads that are under way."""

    def __init__(self, settings: ServeSettings, owners: Owners, busy: Callable[[], Collection[str]]) -> None:
        self._settings, self._owners, self._busy = settings, owners, busy
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._owners.sweep)
                await asyncio.to_thread(sweep, self._settings, frozenset(self._busy()), self._owners)
            except Exception as error:  # noqa: BLE001 - the next sweep may do better; the log has this one
                log.error(failure_of(error))
            await asyncio.sleep(EVERY_S)


def sweep(
    settings: ServeSettings, busy: Collection[str], known: Container[str] = (), now: datetime | None = None
) -> list[Path]:
    """Remove the folders of uploads and sessions in which nothing was used for so long, and uploads whose session was
    to take them along and could not; which they were.

    Only what lies as media/OWNER/uploads/ID or media/OWNER/sessions/ID is ever touched, and what is empty then of an
    owner who is not `known` any more."""
    until = (now or datetime.now(UTC)).timestamp() - settings.limits.keep_seconds
    gone: list[Path] = []
    for owner in _folders(settings.media):
        if not OWNER.fullmatch(owner.name):
            continue
        for kind in ("uploads", "sessions"):
            for folder in _folders(owner / kind):
                if folder.name not in busy and (_last_use(folder) < until or (kind == "uploads" and is_left(folder))):
                    shutil.rmtree(folder, ignore_errors=True)
                    gone.append(folder)
            if owner.name not in known:
                _remove_empty(owner / kind)
        if owner.name not in known:
            _remove_empty(owner)
    return gone


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _last_use(folder: Path) -> float:
    times = []
    for entry in files_in(folder):
        try:
            times.append(entry.stat(follow_symlinks=False).st_mtime)
        except OSError:
            continue
    try:
        return max(times) if times else folder.stat().st_mtime
    except OSError:
        return float("inf")


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something is in it
