"""How many frames a second go through four stages that do nothing, and what does the runtime spend on each?

`frames_per_s_no_op`: source, two transforms and sink, each in a process of its own, with frames of 320x240; counted at
the sink after WARM frames. `control_ms_per_frame`: CPU time of the supervisor, which makes all three hops, by frame;
starting the workers is in it. `all_cpu_ms_per_frame`: CPU time of the supervisor and the four workers together, by
frame after WARM: the whole price of moving a frame three times, with the workers' side of each message.
"""

from __future__ import annotations

import os

import psutil

from benchmarks.trial import WORK, Step, feed, run, take, work
from pipeline.errors import RunError
from pipeline.supervisor import Supervisor

WARM = 300
FRAMES = 2000


class Spent:
    """CPU time of all processes of a run between two frames, in milliseconds for each frame."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._begun: tuple[int, float] | None = None
        self.ms_per_frame = 0.0

    def tick(self, supervisor: Supervisor) -> None:
        out = supervisor.ledger.fates["output"]
        if self._begun is None and out >= self._first:
            self._begun = (out, _cpu_seconds(supervisor))
        elif self._begun is not None and not self.ms_per_frame and out > max(self._last, self._begun[0]):
            frames, seconds = self._begun
            self.ms_per_frame = 1000 * (_cpu_seconds(supervisor) - seconds) / (out - frames)


def _cpu_seconds(supervisor: Supervisor) -> float:
    pids = [os.getpid(), *(member.process.pid for member in supervisor.crew.members.values())]
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(found.user + found.system for found in times))


def measure(frames: int = FRAMES, warm: int = WARM, stage: str = WORK) -> dict[str, float]:
    """`frames` frames after `warm`; `stage`: the class of the first transform. Raises RunFailed, RunError."""
    spent = Spent(warm, warm + frames * 9 // 10)
    trial = run([feed(warm + frames), Step("first", stage), work("second"), take()], tick=spent.tick)
    if not spent.ms_per_frame:
        raise RunError(f"{frames} frames are too few to tell what one costs")
    return {
        "frames_per_s_no_op": trial.times.after(warm).rate("take"),
        "control_ms_per_frame": trial.report["runtime"]["control_ms_per_frame"],
        "all_cpu_ms_per_frame": spent.ms_per_frame,
    }
