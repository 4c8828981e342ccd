"""Room: how much a recording may keep, and which of its segments go first; knows no frame and no encoder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stages.output.recording_index import Index, Segment

GB = 1_000_000_000
AGAIN = 1.05  # of what must stay free, before it is recorded again: no segment for each freed byte


@dataclass(frozen=True)
class Limits:
    """What is kept at most (None: without limit), and the bytes that must stay free on the disk."""

    seconds: float | None
    bytes: float | None
    segments: int | None
    free: float


class Room:
    """Deletes the oldest complete segments where there is more than may be kept, or too little room for more."""

    def __init__(
        self,
        index: Index,
        limits: Limits,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self._index, self._limits = index, limits
        self._now, self._free = now, free or free_bytes
        self._full = False
        self.deleted = 0

    def tidy(self, growing: int = 0) -> None:
        """Delete what is beyond the limits; `growing` bytes are in parts. Raises OSError."""
        limits, index = self._limits, self._index
        while (oldest := self._oldest()) is not None:
            too_old = limits.seconds is not None and self._age() > limits.seconds
            too_much = limits.bytes is not None and index.bytes + growing > limits.bytes
            too_many = limits.segments is not None and self._complete() > limits.segments
            if not (too_old or too_much or too_many):
                return
            self._delete(oldest)

    def has_room(self, growing: int = 0) -> bool:
        """Whether there is room on the disk for more, after the oldest segments went where there was not; a segment
        needs its size twice while it is completed. Raises OSError."""
        needed = self._limits.free * (AGAIN if self._full else 1) + growing
        while self._free(self._index.folder) < needed:
            oldest = self._oldest()
            if oldest is None:
                self._full = True
                return False
            self._delete(oldest)
        self._full = False
        return True

    def _oldest(self) -> Segment | None:
        return next((segment for segment in self._index.segments if segment.size), None)

    def _complete(self) -> int:
        return sum(1 for segment in self._index.segments if segment.size)

    def _age(self) -> float:
        """Seconds since the oldest segment began. One that comes out of the future is from before a clock was put back:
        it is at least as old as the next one that does not."""
        now = self._now()
        begun = (segment.begun for segment in self._index.segments if segment.size)
        return (now - next((time for time in begun if time <= now), now)) / timedelta(seconds=1)

    def _delete(self, segment: Segment) -> None:
        self._index.delete(segment)
        self.deleted += 1


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
