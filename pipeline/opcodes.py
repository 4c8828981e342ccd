"""Kills a worker between two bytecodes, for tests: at the k-th one after a commit, wherever that is. Knows no frame.

`CLEANPLATE_FAULT="segmentation:opcode:17,403=kill@PATH"` has the first incarnation of that stage commit one frame and
die at bytecode 17 of its next cycle (from one commit to the next: waiting, receiving, the stage's own code, sending),
the second one at bytecode 403, and any other live. Each death is a line of the file at PATH: `17 worker.py:163 _work`.
`...:opcode:*=count@PATH` kills nobody, and writes the length of each cycle there.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Protocol


class Cycles(Protocol):
    """What is done with the bytecodes of a cycle."""

    def commit(self) -> None:
        """A cycle ends and the next one begins."""

    def step(self, frame: FrameType) -> None:
        """A bytecode is about to be executed."""


class Killer:
    """Dies at the first bytecode in the list that no earlier incarnation has died at."""

    def __init__(self, wanted: str, deaths: Path) -> None:
        died = len(deaths.read_text().splitlines()) if deaths.exists() else 0
        self._at = next(iter([int(one) for one in wanted.split(",")][died:]), 0)
        self._deaths = deaths
        self._left = 0

    def commit(self) -> None:
        self._left = self._at

    def step(self, frame: FrameType) -> None:
        self._left -= 1
        if self._left == 0:
            code = frame.f_code
            place = f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {code.co_name}"
            _append(self._deaths, f"{self._at} {place}")
            signal.raise_signal(signal.SIGKILL)


class Counter:
    """Writes down how many bytecodes each cycle has."""

    def __init__(self, lengths: Path) -> None:
        self._lengths = lengths
        self._seen = 0

    def commit(self) -> None:
        if self._seen:
            _append(self._lengths, str(self._seen))
        self._seen = 0

    def step(self, frame: FrameType) -> None:
        self._seen += 1


class Tracer:
    """Sees every bytecode that Python executes in this thread, but for those of its own module and of faults.py."""

    def __init__(self, cycles: Cycles) -> None:
        self._cycles = cycles
        self._running = False

    def committed(self) -> None:
        """From the first time on, every bytecode counts."""
        self._cycles.commit()
        if not self._running:
            self._running = True
            sys.settrace(self._trace)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:  # those that run already
                self._begin(frame)
                frame = frame.f_back

    def _begin(self, frame: FrameType) -> Any:
        if frame.f_code.co_filename in _OWN:
            return None
        frame.f_trace, frame.f_trace_opcodes, frame.f_trace_lines = self._trace, True, False
        return self._trace

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            return self._begin(frame)
        if event == "opcode":
            self._cycles.step(frame)
        return self._trace


_OWN = {__file__, os.path.join(os.path.dirname(__file__), "faults.py")}


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")
