"""SlotViews: a worker's arrays over the ring, made once when it is mapped and lent with each grant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import OBJECTS, Arrays, Frame, read_only
from pipeline.messages import Grant, Mapping
from pipeline.posts import Loan
from pipeline.ring import Region
from pipeline.tripwire import Tripwire


class SlotViews:
    """Maps the memory files of a stage and keeps one Frame for each slot: lending one allocates nothing."""

    def __init__(self, mappings: Sequence[Mapping], fds: Sequence[int]) -> None:
        planes: dict[str, list[NDArray[Any]]] = {}
        recalled: dict[str, list[NDArray[Any]]] = {}
        lasting: dict[str, list[NDArray[Any]]] = {}
        stamps: dict[str, dict[str, list[memoryview]]] = {"read": {}, "written": {}, "recalled": {}}
        for mapping, fd in zip(mappings, fds, strict=True):
            arrays, margins = _region(mapping).arrays_and_margins(fd, writable=mapping.writable)
            os.close(fd)
            (lasting if mapping.memory else recalled if mapping.recalled else planes)[mapping.name] = arrays
            if not mapping.memory:
                kind = "recalled" if mapping.recalled else "written" if mapping.writable else "read"
                stamps[kind][mapping.name] = margins
        self.tripwire = Tripwire(**stamps)
        count = len(next(iter(planes.values()))) if planes else 0
        self._frames = [Frame({name: arrays[slot] for name, arrays in planes.items()}) for slot in range(count)]
        self._later = _locked({name: arrays for name, arrays in planes.items() if name in stamps["read"]})
        self._finished = _locked(planes | recalled)
        pairs = {name: arrays for name, arrays in lasting.items() if len(arrays) == 2}
        self._before = [{name: read_only(pair[at]) for name, pair in pairs.items()} for at in (0, 1)]
        self._after = [{name: pair[1 - at] for name, pair in pairs.items()} for at in (0, 1)]
        self._pool: Arrays = {name: arrays[0] for name, arrays in lasting.items() if len(arrays) == 1}
        self._blank: Arrays = {name: read_only(np.zeros_like(arrays[0])) for name, arrays in planes.items()}

    def frame(self, grant: Grant) -> Frame:
        """The frame of this grant. A blank one shows a blank, never what lies in the slot."""
        frame = Frame(self._blank) if grant.blank or not self._frames else self._frames[grant.slot]
        frame.index, frame.pts, frame.duration = grant.index, grant.pts, grant.duration
        frame.blank, frame.life, frame.rejected, frame.fresh = grant.blank, grant.life, "", False
        frame.before, frame.after = self._before[grant.buffer], self._after[grant.buffer]
        frame.pool = self._pool
        frame.finished = _lent(self._finished, grant.finished) if grant.finished else None
        frame.later = tuple(_lent(self._later, loan) for loan in grant.later)
        return frame


def _region(mapping: Mapping) -> Region:
    dtype = OBJECTS if mapping.dtype == "objects" else np.dtype(mapping.dtype)
    return Region(mapping.name, tuple(mapping.shape), dtype, mapping.count)


def _locked(planes: dict[str, list[NDArray[Any]]]) -> list[Frame]:
    """The slots with these planes, as whoever may only read them sees them."""
    count = len(next(iter(planes.values()))) if planes else 0
    return [Frame({name: read_only(arrays[slot]) for name, arrays in planes.items()}) for slot in range(count)]


def _lent(frames: list[Frame], loan: Loan) -> Frame:
    frame = frames[loan.slot]
    frame.index, frame.pts, frame.duration = loan.index, loan.pts, loan.duration
    return frame
