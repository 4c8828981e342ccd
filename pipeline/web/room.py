"""Room: how much an owner keeps, how much the disk holds, and what has to be refused for want of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings

MOST_FILES = 10_000


def bytes_in(folder: Path) -> int:
    """Of all files in a folder and those in it. Follows no link; what vanishes meanwhile counts nothing."""
    total = 0
    for found in files_in(folder):
        try:
            total += found.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def files_in(folder: Path) -> list[os.DirEntry[str]]:
    """All files in a folder and those in it, at most MOST_FILES."""
    found: list[os.DirEntry[str]] = []
    waiting = [os.fspath(folder)]
    while waiting and len(found) < MOST_FILES:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        found.append(entry)
        except OSError:
            continue
    return found


def check_room(settings: ServeSettings, folder: Path, wanted: int) -> int:
    """The bytes that may still come into an owner's folder. Raises Refused: 413 by its own limit, 503 by the disk's."""
    limits = settings.limits
    left = limits.owner_bytes - bytes_in(folder)
    if left <= 0 or wanted > left:
        raise Refused(413, f"no room: an owner may keep {limits.owner_bytes} bytes; delete uploads or results first")
    free = shutil.disk_usage(settings.media).free - limits.keep_free_bytes
    if free <= 0 or wanted > free:
        raise Refused(503, "the server's disk is nearly full; try again when there is room", {"Retry-After": "600"})
    return min(left, free)
