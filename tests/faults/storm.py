"""A storm over a run: random workers are killed, frozen and slowed down; and what the run's own log says of it."""

from __future__ import annotations

import os
import random
import re
import select
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

import psutil

from pipeline.logfile import Reader, Record
from tests.runs import Run

PAUSE = (0.010, 0.250)  # seconds from one blow to the next
FREEZE = (0.010, 0.500)  # below any deadline
LONG_FREEZE = (1.0, 4.0)  # toys are taken for hung after two seconds: some wake up before, most have been killed
BUSY = 1  # second of processor time for a busy loop beside; the kernel sees to that


@dataclass
class Storm:
    """What is done to the workers of one run. Everything random comes from `rng`."""

    run: Run
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    killed: dict[int, float] = field(default_factory=dict)  # process -> when
    records: list[Record] = field(default_factory=list)
    _thaw: list[tuple[float, psutil.Process]] = field(default_factory=list)
    _busy: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _log: Reader | None = None

    def __post_init__(self) -> None:
        self._run_ended = os.pidfd_open(self.run.process.pid)

    def blow(self, seconds: float, beside: Callable[[float], None] = lambda _: None) -> None:
        """Until the time is over or the run has ended; `beside` is called between two blows."""
        until = time.monotonic() + seconds
        supervisor = psutil.Process(self.run.process.pid)
        deeds: Sequence[Callable[[psutil.Process], None]] = (
            self.kill,
            self._freeze,
            self._shut,
            self._slow,
            self._spin,
        )
        while self._calm(self.rng.uniform(*PAUSE)) and time.monotonic() < until:
            with suppress(psutil.Error):  # it has just ended
                victim = self.rng.choice(supervisor.children() or [supervisor])
                if victim != supervisor:
                    self.rng.choices(deeds, (32, 47, 2, 16, 3))[0](victim)
            self.read_log()
            beside(time.monotonic())

    def pass_over(self) -> None:
        """Whoever is frozen thaws; nothing more happens, now or later."""
        os.close(self._run_ended)
        for _, frozen in self._thaw:
            with suppress(psutil.Error):
                frozen.resume()
        self._thaw.clear()
        for loop in self._busy:
            loop.kill()
            loop.wait()
        self._busy.clear()

    # What can happen

    def kill(self, victim: psutil.Process) -> None:
        self.done["kill"] += 1
        now = time.time()
        victim.kill()
        self.killed.setdefault(victim.pid, now)

    def _freeze(self, victim: psutil.Process) -> None:
        self.done["freeze"] += 1
        victim.suspend()
        self._thaw.append((time.monotonic() + self.rng.uniform(*FREEZE), victim))

    def _shut(self, victim: psutil.Process) -> None:
        self.done["long freeze"] += 1
        victim.suspend()
        self._thaw.append((time.monotonic() + self.rng.uniform(*LONG_FREEZE), victim))

    def _slow(self, victim: psutil.Process) -> None:
        self.done["nice"] += 1
        victim.nice(19)

    def _spin(self, _: psutil.Process) -> None:
        self.done["busy loop"] += 1
        loop = ["sh", "-c", f"ulimit -t {BUSY}; while :; do :; done"]
        self._busy.append(subprocess.Popen(loop, stdin=subprocess.DEVNULL))

    def _calm(self, seconds: float) -> bool:
        """Let time pass, and thaw whose time has come; False where the run has ended."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            nearest = min((when for when, _ in self._thaw), default=until) - time.monotonic()
            if select.select([self._run_ended], [], [], max(0.0, min(left, nearest)))[0]:
                return False
            due = [frozen for when, frozen in self._thaw if when <= time.monotonic()]
            self._thaw = [entry for entry in self._thaw if entry[1] not in due]
            for frozen in due:
                with suppress(psutil.Error):
                    frozen.resume()
            self._busy = [loop for loop in self._busy if loop.poll() is None]
        return True

    # What the run says of it

    def read_log(self) -> None:
        """The log forgets what is long ago: it has to be read all the time."""
        if self._log is None:
            logs = list((self.run.folder / "state" / "logs").glob("*.log"))
            self._log = Reader(logs[0]) if logs else None
        if self._log is not None:
            self.records += [record for record, _ in self._log.new()]

    def recovery(self) -> Recovery:
        self.read_log()
        return Recovery.told(self.records, self.killed)


@dataclass(frozen=True)
class Recovery:
    """How long it took, in seconds, from each kill until the run had seen it, and until the stage had its worker again
    (less what its set-up took)."""

    landed: int  # kills that ended a process
    seen: list[float]
    back: list[float]

    @classmethod
    def told(cls, records: Sequence[Record], killed: dict[int, float]) -> Recovery:
        seen: list[float] = []
        back: list[float] = []
        waiting: dict[str, float] = {}  # worker -> when the one before it was killed
        for record in records:
            when = datetime.fromisoformat(record.time).timestamp()
            if record.kind == "ended":
                waiting.pop(record.stage, None)
                found = re.match(r"process (\d+), signal 9,", record.text)
                if found and (at := killed.get(int(found[1]))) is not None:
                    seen.append(when - at)
                    waiting[record.stage] = at
            elif record.kind == "ready" and (at := waiting.pop(record.stage, None)) is not None:
                took = re.match(r"after ([\d.]+) s", record.text)
                assert took, record
                back.append(when - at - float(took[1]))
        return cls(len(seen), seen, back)

    def figures(self) -> dict[str, float]:
        return {
            "deaths": self.landed,
            "seen_ms_p50": round(1000 * median(self.seen), 1),
            "seen_ms_max": round(1000 * max(self.seen), 1),
            "recoveries": len(self.back),
            "back_ms_p50": round(1000 * median(self.back), 1),
            "back_ms_max": round(1000 * max(self.back), 1),
        }
