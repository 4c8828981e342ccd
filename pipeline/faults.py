"""Named points at which a test makes a worker die, freeze or raise. Off unless the environment says it is a test.

`CLEANPLATE_FAULT="segmentation:before_commit:17=kill"` acts at that point of that stage for frame 17 (`*`: any frame);
what can happen: `kill`, `stop`, `raise`; with `@PATH` behind it once only (that file is made to remember it).
The point `opcode` is any bytecode (see opcodes.py).
It is obeyed only while `CLEANPLATE_TEST=1` is set as well.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.environment import fault_text
from pipeline.opcodes import Counter, Killer, Tracer


@dataclass(frozen=True)
class FaultPlan:
    """One fault: where, at which frame, what."""

    stage: str
    point: str
    frame: str
    deed: str
    memory: str

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        where, _, what = text.partition("=")
        stage, point, frame = where.split(":")
        deed, _, memory = what.partition("@")
        return cls(stage, point, frame, deed, memory)

    def reached(self, stage: str, point: str, index: int) -> None:
        if self.point == "opcode":
            if (stage, point) == (self.stage, "committed"):
                _tracer(self.frame, self.deed, self.memory).committed()
            return
        if (stage, point) != (self.stage, self.point) or self.frame not in ("*", str(index)):
            return
        if self.memory:
            try:
                os.close(os.open(self.memory, os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                return
        match self.deed:
            case "kill":
                signal.raise_signal(signal.SIGKILL)
            case "stop":
                signal.raise_signal(signal.SIGSTOP)
            case "raise":
                raise RuntimeError(f"a fault that a test asked for at {point} of frame {index}")


@cache
def _tracer(wanted: str, deed: str, memory: str) -> Tracer:
    path = Path(memory)
    return Tracer(Killer(wanted, path) if deed == "kill" else Counter(path))


_TEXT = fault_text()
_PLAN = FaultPlan.parse(_TEXT) if _TEXT else None


def fault_point(stage: str, point: str, index: int = -1) -> None:
    """Let happen here what a test wants; almost always nothing."""
    if _PLAN is not None:
        _PLAN.reached(stage, point, index)
