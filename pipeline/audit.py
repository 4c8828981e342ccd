"""Audit: a line for every frame that came in, what became of it and why, and what was known to be in it; no pixel.

    {"audit": 1, "config": SHA-256, ...}                                   first: of what run this is
    {"i": 7, "pts": 3584, "verdict": "clean", "objects": [[track, class, flags, x0, y0, x1, y1], ...]}
    {"i": 8, "pts": 4096, "verdict": "blanked", "reason": "detection 0: signal 9"}
    {"frames": {...}, "models": [...], "lost": 0}                          last, where the run came to an end

It is written by the supervising process, which knows every fate. A thread of its own does what may block; what was said
is on its way to the disk within FLUSH_S, so that it outlives a kill, and can be read without its end.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.actions import Actions
from pipeline.frame import OBJECTS, Table
from pipeline.masking import masked
from pipeline.posts import Slot
from pipeline.tripwire import is_of

VERSION = 1
FLUSH_S = 0.5
MOST_WAITING = 50_000  # lines that the disk has not taken; what comes then is lost, and counted
MOST_TEXT = 200  # characters of a reason
LEVEL = 6  # of gzip
ENDING = ".frames.gz"
PART = ".part"
VERDICTS = {"output": "clean", "blanked": "blanked", "dropped": "dropped", "rejected": "rejected"}

View = Callable[[], tuple[Sequence[Table], Sequence[memoryview]] | None]
"""The plane `objects` slot by slot, and the stamps behind it; None where there is none."""


class Audit:
    """The record of one run, frame by frame. `secrets` are never written."""

    def __init__(self, path: Path, header: Mapping[str, Any], *, secrets: Sequence[str] = ()) -> None:
        """Begin `path` + PART; one that an earlier run left is set aside. Raises OSError."""
        self.path = path
        self.actions = Actions()
        self.lost = 0
        self.trouble = ""
        self._secrets = secrets
        self._reasons: dict[int, str] = {}  # by slot
        self._view: View = lambda: None
        self._planes: tuple[Sequence[Table], Sequence[memoryview]] | None = None
        self._part = path.with_name(path.name + PART)
        _set_aside(self._part)
        self._raw = self._part.open("xb")
        self._file = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=self._raw, mtime=0)
        self._waiting: deque[bytes] = deque()
        self._more = threading.Condition()
        self._closing = False
        self._say({"audit": VERSION, **header})
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def watch(self, view: View) -> None:
        """From where the objects of a frame are read."""
        self._view = view

    def blame(self, slot: int, text: str) -> None:
        """Something went wrong over the frame in this slot; it is told if the frame does not come out."""
        self._reasons[slot] = masked(" ".join(text.split()), self._secrets)[:MOST_TEXT]

    def ended(self, number: int, slot: Slot, fate: str, place: str, missed: Sequence[str] = ()) -> None:
        """A frame has its fate: see `Fates`. `place`: the stage at which it was dropped; `missed`: stages to which it
        did not come, while it came out elsewhere."""
        said: dict[str, Any] = {"i": slot.index, "pts": slot.pts, "verdict": VERDICTS[fate]}
        reason = self._reasons.pop(number, "")
        if fate != "output":
            said["reason"] = reason or _usual(fate, place)
        if fate == "blanked" and not slot.shown:
            said["out"] = False  # not even a blank came out
        if missed:
            said["missed"] = list(missed)
        rows = self._objects(number, slot)
        if rows is not None and len(rows):
            said["objects"] = as_lists(rows)
            self.actions.add(slot.index, rows, shown=fate == "output")
        self._say(said)

    def close(self, footer: Mapping[str, Any]) -> None:
        """Write what waits and the last line; only then it bears its name. Raises OSError where it is incomplete."""
        self._say({**footer, "lost": self.lost})
        with self._more:
            self._closing = True
            self._more.notify()
        self._thread.join()
        try:
            self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
        finally:
            self._raw.close()
        if self.trouble or self.lost:
            raise OSError(self.trouble or f"{self.lost} lines could not be written in time")
        os.replace(self._part, self.path)

    def abandon(self) -> None:
        """The run did not come to its end: what was said stays in the part."""
        with self._more:
            self._closing = True
            self._more.notify()
        self._thread.join()
        self._raw.close()

    # Inside

    def _objects(self, number: int, slot: Slot) -> Table | None:
        """What is known to be in the frame; None where nobody has said it of this very frame."""
        if slot.index < 0:
            return None
        self._planes = self._planes or self._view()
        if self._planes is None or not is_of(self._planes[1][number], number, slot.stamp):
            return None
        table = self._planes[0][number][0]
        rows: Table = table["rows"][: min(int(table["count"]), OBJECTS["rows"].shape[0])]
        return rows

    def _say(self, said: Mapping[str, Any]) -> None:
        line = json.dumps(said, separators=(",", ":")).encode() + b"\n"
        with self._more:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(line)
            else:
                self.lost += 1

    def _write(self) -> None:
        """The thread's work."""
        over = False
        while not over:
            with self._more:
                self._more.wait_for(lambda: self._closing, timeout=FLUSH_S)
                over = self._closing
                lines, self._waiting = self._waiting, deque()
            if self.trouble or not lines:
                self.lost += len(lines)
                continue
            try:
                self._file.write(b"".join(lines))
                self._file.flush()
                self._raw.flush()
            except OSError as error:
                self.trouble = error.strerror or str(error)


def as_lists(rows: Table) -> list[list[int]]:
    """[track, class, flags, x0, y0, x1, y1] of each; a place that is no number is 0."""
    boxes = rows["box"]
    boxes = boxes.clip(-32768, 32767).round()
    boxes[boxes != boxes] = 0
    facts = zip(rows["track"].tolist(), rows["cls"].tolist(), rows["flags"].tolist(), boxes.tolist(), strict=True)
    return [[track, cls, flags, *map(int, box)] for track, cls, flags, box in facts]


def _usual(fate: str, place: str) -> str:
    if fate == "dropped":
        return f"at {place}: newer ones came, or the run ended"
    return "the source found the picture damaged" if fate == "rejected" else f"nobody vouches for it {place}".strip()


def _set_aside(part: Path) -> None:
    """What a killed run has left is evidence."""
    if not part.exists():
        return
    names = (part.with_name(f"{part.name}.old{number}") for number in itertools.count(1))
    os.replace(part, next(name for name in names if not name.exists()))
