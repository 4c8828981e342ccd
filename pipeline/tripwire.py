"""Tripwire: a stamp behind each plane of a slot that says whose picture lies there. Finds bugs; synchronises nothing.

Who writes a plane takes its stamp away before and puts the frame's there after; who reads it compares before and after.
In a right program they always agree. A stamp is the slot's number and the generation with which the source held it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from pipeline.errors import RunError
from pipeline.messages import Grant
from pipeline.posts import Loan

_STAMP = struct.Struct("<IIII")
_MAGIC = 0x50434C43  # "CLCP"
_UNDER_WAY = 0xFFFFFFFF  # in the place of the slot's number

Margins = Mapping[str, Sequence[memoryview]]


class TripwireError(RunError):
    """A plane does not hold what the ledger says that it holds: a defect of the runtime or of a stage."""


class Tripwire:
    """The stamps that one worker reads, those that it writes, and those that it sees of finished frames; by plane, then
    by slot."""

    def __init__(self, read: Margins, written: Margins, recalled: Margins | None = None) -> None:
        self._read = [(name, list(margins)) for name, margins in read.items()]
        self._written = list(written.values())
        self._finished = [*self._read, *((name, list(at)) for name, at in {**written, **(recalled or {})}.items())]

    def begin(self, grant: Grant) -> None:
        """Before the work on a frame. Raises TripwireError."""
        self.check(grant)
        for margins in self._written:
            _STAMP.pack_into(margins[grant.slot], 0, _MAGIC, _UNDER_WAY, 0, 0)

    def check(self, grant: Grant) -> None:
        """Raises TripwireError where something that is read is not this frame's, or that of one beside it."""
        _check(self._read, grant)
        for loan in grant.later:
            _check(self._read, loan)
        if grant.finished:
            _check(self._finished, grant.finished)

    def end(self, grant: Grant) -> None:
        """After it: what was read is still the same, and what was written is whole. Raises TripwireError."""
        self.check(grant)
        for margins in self._written:
            _STAMP.pack_into(margins[grant.slot], 0, _MAGIC, grant.slot, grant.stamp, 0)


def is_of(margin: memoryview, slot: int, stamp: int) -> bool:
    """Whether a plane is whole and that of the frame which the source brought with this stamp."""
    return _STAMP.unpack_from(margin)[:3] == (_MAGIC, slot, stamp)


def _check(planes: Sequence[tuple[str, Sequence[memoryview]]], frame: Grant | Loan) -> None:
    for name, margins in planes:
        magic, slot, stamp, _ = _STAMP.unpack_from(margins[frame.slot])
        if magic != _MAGIC or slot != frame.slot or stamp != frame.stamp:
            found = "being written" if slot == _UNDER_WAY else f"that of {slot}/{stamp}"
            raise TripwireError(
                f"the plane {name!r} of frame {frame.index} is not its own: slot {frame.slot}/{frame.stamp} "
                f"is {found}; please report this"
            )
