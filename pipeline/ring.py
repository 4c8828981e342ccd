"""FrameRing: slots and planes in shared memory, made once and mapped once by each worker. Knows no owner and no lock.

    plane "image"  | slot 0 | slot 1 | ... | slot n-1 |     one memory file each; every slot starts on a page
    plane "mask"   | slot 0 | slot 1 | ... | slot n-1 |
    memory "plate" | buffer 0 | buffer 1 |                  a stateful stage's own, swapped by its commits
    pool "shots"   | buffer 0 |                             a stateful stage's own, kept once

1. The supervisor creates a memory file for each plane (`memfd_create`), gives it its size, has the kernel reserve every
   page (`posix_fallocate`: a full machine says so here, not by SIGBUS later) and seals that size.
2. It passes a worker the descriptors of the planes that its stage reads, opened read-only, and of those it writes.
   A stage that does not read `image` never holds a descriptor of it.
3. A worker maps each once and makes its arrays once. Nothing is copied, and nothing here synchronises anything: who may
   touch a slot is said by messages alone (see ledger.py).
4. Nothing has a name, so nothing can be left behind: the memory goes with its last descriptor.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RingError
from pipeline.frame import FrameSpec, Plane

PAGE = mmap.PAGESIZE
MARGIN = 256  # bytes behind each array: vector code (swscale's, say) reads past the end of a picture's last row
STAMP_ROOM = 16  # bytes at the very end of each slot of a plane: see tripwire.py
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True)
class Region:
    """The layout of one memory file: `count` equal arrays, each starting on a page."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    count: int

    @property
    def stride(self) -> int:
        size = math.prod(self.shape) * self.dtype.itemsize
        return -(-(size + MARGIN) // PAGE) * PAGE

    @property
    def nbytes(self) -> int:
        return self.stride * self.count

    def arrays(self, fd: int, *, writable: bool) -> list[NDArray[Any]]:
        """Map the file and return its arrays; those of a read-only mapping cannot be written."""
        return self.arrays_and_margins(fd, writable=writable)[0]

    def arrays_and_margins(self, fd: int, *, writable: bool) -> tuple[list[NDArray[Any]], list[memoryview]]:
        """The same, with the last STAMP_ROOM bytes of the margin behind each array, which no picture reaches."""
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        mapped = mmap.mmap(fd, self.nbytes, mmap.MAP_SHARED | mmap.MAP_POPULATE, protection)
        arrays = [
            np.frombuffer(mapped, self.dtype, math.prod(self.shape), at * self.stride).reshape(self.shape)
            for at in range(self.count)
        ]
        whole = memoryview(mapped)
        return arrays, [whole[(at + 1) * self.stride - STAMP_ROOM : (at + 1) * self.stride] for at in range(self.count)]


def plane_region(plane: Plane, spec: FrameSpec, slots: int) -> Region:
    return Region(plane.name, plane.shape(spec), plane.dtype, slots)


def memory_region(name: str, shape: tuple[int, ...], dtype: str) -> Region:
    """Two buffers of a stage's lasting memory: one is read, the other written."""
    return Region(name, shape, np.dtype(dtype), 2)


def pool_region(name: str, shape: tuple[int, ...], dtype: str) -> Region:
    """What a stage keeps once: it is read and written."""
    return Region(name, shape, np.dtype(dtype), 1)


def create(region: Region) -> int:
    """A sealed memory file of the region's size, its pages reserved. Raises RingError."""
    fd = os.memfd_create(f"cleanplate:{region.name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.fchmod(fd, 0o600)  # it is born open to everybody
        os.ftruncate(fd, region.nbytes)
        os.posix_fallocate(fd, 0, region.nbytes)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        os.close(fd)
        size = f"{region.count} x {region.stride / 1e6:.1f} MB"
        raise RingError(
            f"no shared memory for the plane {region.name!r} ({size}): {error.strerror}; fewer slots need less"
        ) from error
    return fd


def read_only(fd: int) -> int:
    """Another descriptor of the same memory, through which nobody can write."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)


def available_memory() -> int:
    """Bytes that can still be taken: of the machine, and of each control group that this process is in."""
    import psutil  # here: no worker needs it

    return min(psutil.virtual_memory().available, *left_in_groups())


def left_in_groups(mounted: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """What the limits of this process's control groups leave, from its own one to the top, of version 2 and of 1.

    What files keep there (`inactive_file`) the kernel gives up when it must: it is not in the way."""
    yield 1 << 63  # where there is no limit
    for line in own.read_text().splitlines() if own.exists() else ():
        _, controllers, name = line.split(":", 2)
        if not controllers:
            top, limit, used, stat = mounted, "memory.max", "memory.current", "inactive_file "
        elif "memory" in controllers.split(","):
            top, limit, used = mounted / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            stat = "total_inactive_file "
        else:
            continue
        for group in (top / name.strip("/"), *(top / name.strip("/")).parents):
            with suppress(OSError, ValueError):  # no limit, or a group of the host's that cannot be seen from here
                most, taken = int((group / limit).read_text()), int((group / used).read_text())
                kept = (group / "memory.stat").read_text().partition(f"\n{stat}")[2].partition("\n")[0]
                yield max(0, most - taken + int(kept or 0))
            if group == top:
                break


@dataclass
class FrameRing:
    """The supervisor's side: makes the memory, lends descriptors, unmakes it."""

    regions: Mapping[str, Region]
    _fds: dict[str, int] = field(default_factory=dict)

    @classmethod
    def create(cls, regions: Iterable[Region]) -> FrameRing:
        """Reserve the memory of all regions, or of none. Raises RingError."""
        ring = cls({region.name: region for region in regions})
        if ring.nbytes > (free := available_memory()):  # the kernel itself would only notice when it has run out
            largest = max(ring.regions.values(), key=lambda region: region.nbytes)
            raise RingError(
                f"the ring needs {ring.nbytes / 1e6:.0f} MB (most of it the plane {largest.name!r}), "
                f"but only {free / 1e6:.0f} MB are free; fewer slots need less"
            )
        try:
            for region in ring.regions.values():
                ring._fds[region.name] = create(region)
        except RingError:
            ring.close()
            raise
        return ring

    @property
    def nbytes(self) -> int:
        return sum(region.nbytes for region in self.regions.values())

    def lend(self, name: str, *, writable: bool) -> int:
        """A descriptor to pass to one worker; the caller closes its own copy after that."""
        return os.dup(self._fds[name]) if writable else read_only(self._fds[name])

    def close(self) -> None:
        """Let go of the memory: it is freed when the last worker has ended too."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
