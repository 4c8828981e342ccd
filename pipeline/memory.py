"""SharedMemory: the ring of one run and the lasting memory of its stages, and who is lent which part of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

from numpy.typing import NDArray

from pipeline.config import BuiltStage, Plan
from pipeline.crew import Member
from pipeline.frame import STANDARD_PLANES, FrameSpec, Plane
from pipeline.messages import Mapping
from pipeline.ring import FrameRing, Region, memory_region, plane_region, pool_region

View = tuple[list[NDArray[Any]], list[memoryview]]
"""The arrays of a plane, slot by slot, and what is stamped behind each."""

_Kind = Literal["read", "written", "recalled", "lasting"]
_WRITABLE = ("written", "lasting")


class SharedMemory:
    """Made when the size of the frames is known; each worker is lent only what its stage names."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ring: FrameRing | None = None

    def make(self, spec: FrameSpec) -> None:
        """Reserve everything. Raises RingError."""
        self._ring = FrameRing.create(regions(self._plan, spec))

    @property
    def nbytes(self) -> int:
        return self._ring.nbytes if self._ring else 0

    def lend(self, member: Member) -> tuple[Mapping, ...]:
        """Send a worker the descriptors of its planes, and say in which order."""
        assert self._ring is not None
        built = self._plan.stages[member.stage]
        mappings: list[Mapping] = []
        fds: list[int] = []
        try:
            for name, kind in _claims(built):
                fds.append(self._ring.lend(name, writable=kind in _WRITABLE))
                mappings.append(_mapping(self._ring.regions[name], kind))
            if fds:
                member.process.lifeline.send_fds(fds)
        except OSError:
            member.process.kill()  # it takes nothing any more: its death follows, and a successor
        finally:
            for fd in fds:
                os.close(fd)
        return tuple(mappings)

    def view(self, name: str) -> View | None:
        """A plane for the supervisor's own eyes, to be read only; None where there is no such plane, or not yet."""
        if self._ring is None or name not in self._ring.regions:
            return None
        fd = self._ring.lend(name, writable=False)
        try:
            return self._ring.regions[name].arrays_and_margins(fd, writable=False)
        finally:
            os.close(fd)

    def close(self) -> None:
        if self._ring:
            self._ring.close()


def regions(plan: Plan, spec: FrameSpec) -> list[Region]:
    """All the memory that a plan takes for frames of this size."""
    planes: dict[str, Plane] = {}
    lasting: list[Region] = []
    for built in plan.stages:
        own = built.stage.planes
        for name in built.stage.writes:
            planes[name] = own.get(name) or STANDARD_PLANES[name]
        for name, (shape, dtype) in built.stage.memory(spec).items():
            lasting.append(memory_region(f"{built.name}/{name}", shape, dtype))
        for name, (shape, dtype) in built.stage.pool(spec).items():
            lasting.append(pool_region(f"{built.name}/{name}", shape, dtype))
    return [plane_region(plane, spec, plan.slots) for plane in planes.values()] + lasting


def _claims(built: BuiltStage) -> Iterator[tuple[str, _Kind]]:
    """All regions that a stage is lent."""
    yield from ((name, "read") for name in built.reads)
    yield from ((name, "written") for name in built.stage.writes)
    yield from ((name, "recalled") for name in built.recalled)
    yield from ((f"{built.name}/{name}", "lasting") for name in built.stage.lasting)


def _mapping(region: Region, kind: _Kind) -> Mapping:
    return Mapping(
        name=region.name.rpartition("/")[2],
        shape=region.shape,
        dtype=region.dtype.str if region.dtype.names is None else "objects",  # in a form that JSON carries
        count=region.count,
        writable=kind in _WRITABLE,
        memory=kind == "lasting",
        recalled=kind == "recalled",
    )
