"""How many bytes of a frame does the runtime itself read or write? The processor's own memory management says so.

Whoever copies pixels reads them from a slot or writes them into one. The processor marks each page of memory that a
process touches; Linux clears these marks (`/proc/PID/clear_refs`) and sums them up (`Referenced` in `/proc/PID/smaps`).
While frames flow through stages that touch none of their planes, a marked page of the ring is the runtime's doing.

`runtime_slot_bytes_touched`: marked bytes of the ring, of all processes of the run, by slot, for frames of 320x240:
whole pages, also where the runtime only notes a few bytes behind the picture. `runtime_bytes_copied_per_frame`: how
many more they are at 1920x1080, where a frame is 27 times as large: none where no pixel is touched.
`runtime_page_faults_per_frame`: page faults of all processes by frame, after warm-up, at the larger size: memory that
is fresh for each frame would cost one for every 4 KiB. `copying_stage_seen`: marked bytes beyond those, in frames, with
a stage that reads every frame once; about 1. A machine that marks no pages would say 0 of everything: then this is 0 as
well, and a RunError.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.trial import Step, feed, run
from pipeline.errors import RunError
from pipeline.supervisor import Supervisor

SIZES = ((320, 240), (1920, 1080))
IDLE, COPYING, IDLE_SINK = (f"benchmarks.probes:{name}" for name in ("Idle", "Copying", "IdleSink"))
WARM = 100
FRAMES = 200
BLIND = 0.9
RING = "/memfd:cleanplate:"
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ")


class Witness:
    """Clears the marks of all processes of a run at one frame and sums them up at a later one."""

    def __init__(self, first: int, frames: int) -> None:
        self._first, self._frames = first, frames
        self._faults: dict[int, int] | None = None
        self._from = 0
        self.touched: int | None = None  # bytes of the ring
        self.faults_per_frame = 0.0

    def tick(self, supervisor: Supervisor) -> None:
        out = supervisor.ledger.fates["output"]
        if self._faults is None:
            if out >= self._first:
                self._from = out
                self._faults = {pid: _clear(pid) for pid in _processes(supervisor)}
        elif self.touched is None and out >= self._from + self._frames:
            faults = sum(_faults(pid) - before for pid, before in self._faults.items())
            self.faults_per_frame = faults / (out - self._from)
            self.touched = sum(_touched(pid) for pid in self._faults)


def _processes(supervisor: Supervisor) -> Iterator[int]:
    yield os.getpid()
    for member in supervisor.crew.members.values():
        yield member.process.pid


def _clear(pid: int) -> int:
    """Clear the marks of a process; its page faults so far."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("1")
    except OSError as error:
        raise RunError(f"/proc/{pid}/clear_refs: {error.strerror}; touched memory cannot be told here") from error
    return _faults(pid)


def _faults(pid: int) -> int:
    """Minor page faults so far; proc(5), field 10."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def _touched(pid: int) -> int:
    """Bytes of the ring in pages that were read or written since the marks were cleared."""
    total, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if _MAPPING.match(line):
            inside = RING in line
        elif inside and line.startswith("Referenced:"):
            total += 1024 * int(line.split()[1])
    return total


def touched(width: int, height: int, stage: str = IDLE) -> tuple[float, float]:
    """(bytes of a slot that are touched, page faults by frame) with this class as first transform.

    Raises RunFailed, RunError."""
    witness = Witness(WARM, FRAMES)
    steps = [
        feed(WARM + FRAMES + 100, width=width, height=height),
        Step("first", stage),
        Step("second", "benchmarks.probes:IdleMask"),
        Step("take", IDLE_SINK),
    ]
    report = run(steps, tick=witness.tick).report
    if witness.touched is None:
        raise RunError("the run was over before it could be seen what was touched")
    return witness.touched / report["runtime"]["slots"], witness.faults_per_frame


def measure() -> dict[str, float]:
    """Both sizes, and the proof that a copy would be seen. Raises RunFailed, RunError."""
    (small, _), (large, faults) = (touched(width, height) for width, height in SIZES)
    width, height = SIZES[0]
    seen = (touched(width, height, COPYING)[0] - small) / (width * height * 3)
    if seen < BLIND:
        raise RunError(f"a stage that reads every frame was seen to touch {seen:.2f} of one: no pages are marked here")
    return {
        "runtime_bytes_copied_per_frame": max(0.0, large - small),
        "runtime_slot_bytes_touched": small,
        "runtime_page_faults_per_frame": faults,
        "copying_stage_seen": seen,
    }
