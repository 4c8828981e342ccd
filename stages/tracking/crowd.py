"""Crowd: the bounded table of tracks with their stamps, as it lies in lasting memory; knows no picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Image, Layout, Table
from stages.tracking import kalman
from stages.tracking.stamps import SIDE

MOST = 128  # tracks; who finds no place is masked all the same while he is found
SURE = 3.0  # evidence above this adds nothing
FADING = 0.02  # of evidence, for each frame in which something was hardly seen

TRACK = np.dtype(
    [
        ("id", "<f8"),  # 0: nobody is kept in this row
        ("cls", "<f8"),
        ("score", "<f8"),  # when last found
        ("evidence", "<f8"),  # the sum of its scores, while they were good
        ("missed", "<f8"),  # frames since the first look that failed to find it; 0: found
        ("age", "<f8"),  # frames since it was first found
        ("kept", "<f8"),  # 1: a rule kept it in the last frame, 2: in an earlier one, 0: never
        ("doubt", "<f8"),  # whether its number is still its own: see `doubts`
        ("lapse", "<f8"),  # frames in a row in which it was not found, for that
        ("edges", "<f8", (4, 5)),  # see `kalman`
        ("rect", "<f8", (4,)),  # of its stamp
    ]
)

Floats = NDArray[np.float64]


class Crowd:
    """Everybody who is followed. What is asked for by number speaks of rows of the table."""

    def __init__(self, before: Arrays, after: Arrays) -> None:
        """Take `before` over into `after`, on which everything else works."""
        np.copyto(after["tracks"], before["tracks"])
        np.copyto(after["ids"], before["ids"])
        self._table: Table = after["tracks"].view(TRACK)[:, 0]
        self._ids, self._stamps = after["ids"], after["stamps"]
        for at in self.alive():
            np.copyto(self._stamps[at], before["stamps"][at])

    @staticmethod
    def memory() -> Layout:
        """`tracks`: the table; `stamps`: see `stamps`, of those alive; `ids`: the last one given."""
        return {
            "tracks": ((MOST, TRACK.itemsize // 8), "f8"),
            "stamps": ((MOST, SIDE, SIDE), "u1"),
            "ids": ((1,), "i8"),
        }

    def alive(self) -> list[int]:
        """The numbers of those who are followed."""
        return [int(at) for at in np.flatnonzero(self._table["id"])]

    def of(self, field: str, numbers: list[int]) -> NDArray[Any]:
        """A copy of one column."""
        return self._table[field][numbers]

    def boxes(self, numbers: list[int]) -> Floats:
        """Where their edges are believed to be, [N, 4]."""
        return self._table["edges"][numbers][..., kalman.AT]

    def stamp(self, at: int) -> Image:
        """Writable, [SIDE, SIDE]."""
        return self._stamps[at]  # type: ignore[no-any-return]

    def rect(self, at: int) -> Floats:
        """Writable, [4]."""
        return self._table["rect"][at]  # type: ignore[no-any-return]

    def predict(self, frames: float) -> None:
        """Everybody goes on as he went."""
        numbers = self.alive()
        edges = self._table["edges"][numbers]
        kalman.predict(edges, frames)
        self._table["edges"][numbers] = edges
        self._table["age"][numbers] += frames
        missed = self._table["missed"][numbers]
        self._table["missed"][numbers] = np.where(missed > 0, missed + frames, 0)

    def begin(self, row: np.void, evidence: float, speed: Floats | None = None) -> int | None:
        """A new track for what was found there, moving by `speed` (x y, pixels per frame) if that is known; its number,
        or None where the table is full."""
        free = np.flatnonzero(self._table["id"] == 0)
        if not len(free):
            return None
        at, track = int(free[0]), self._table[free[0]]
        track["id"], track["cls"], track["score"] = self.next_id(), row["cls"], row["score"]
        track["evidence"], track["missed"], track["age"] = evidence, 0, 0
        track["kept"], track["doubt"], track["lapse"] = 0, 0, 0
        track["edges"] = kalman.begin(row["box"][None].astype(float))[0]
        if speed is not None:
            track["edges"][:, kalman.SPEED] = np.tile(speed, 2)
        track["rect"] = row["box"]
        self._stamps[at] = 0
        return at

    def note(self, field: str, at: int, value: float) -> None:
        """Write one of `kept`, `doubt` and `lapse`."""
        self._table[field][at] = value

    def lost(self) -> bool:
        """Whether somebody whom a rule kept is followed no longer; told once."""
        gone = (self._table["id"] == 0) & (self._table["kept"] > 0)
        self._table["kept"][gone] = 0
        return bool(gone.any())

    @property
    def last_id(self) -> int:
        """The last number that was given; 0: none as yet."""
        return int(self._ids[0])

    def next_id(self) -> int:
        """1, 2, 3, ..."""
        self._ids[0] += 1
        return self.last_id

    def seen(self, at: int, row: np.void, sure: bool) -> None:
        """It was found there, or hardly."""
        track = self._table[at]
        edges = track["edges"][None].copy()
        kalman.correct(edges, row["box"][None].astype(float))
        track["edges"], track["score"], track["missed"] = edges[0], row["score"], 0
        gained = float(row["score"]) if sure else -FADING
        track["evidence"] = min(SURE, max(0.0, track["evidence"] + gained))

    def miss(self, at: int) -> None:
        """Somebody looked and did not find it."""
        self._table["missed"][at] = max(1.0, self._table["missed"][at])

    def trust(self, at: int) -> None:
        """It will be found again: as good as missed for the first time."""
        self._table["missed"][at] = min(1.0, self._table["missed"][at])

    def end(self, at: int) -> None:
        """It is followed no longer."""
        self._table["id"][at] = 0

    def clear(self) -> None:
        """Nobody is followed any longer."""
        self._table["id"] = 0
