"""Crew: the worker processes of a run: who lives, who is silent, who is started again and when. Knows no frame."""

from __future__ import annotations

import itertools
import os
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

from pipeline.config import BuiltStage, RestartPolicy
from pipeline.control import new_identity
from pipeline.environment import cores, worker_environment
from pipeline.errors import RunError
from pipeline.heritage import Heir, Heritage
from pipeline.lifeline import Orders
from pipeline.process import Process, want_descriptors
from pipeline.runlog import RunLog

State = Literal["born", "waiting", "setup", "ready", "draining", "leaving", "stopping", "done", "undead"]
OVER = frozenset({"leaving", "stopping", "done", "undead"})  # nobody takes its place
BIRTH_DEADLINE = 60.0
DRAIN_DEADLINE = 60.0
STOP_DEADLINE = 5.0
NO_ROOM_S = 8.0  # until the next try to start one more worker of a stage that others work for
SPARE = 16  # descriptors that must be free beside those that each worker's connection may still take


@dataclass
class Member:
    """One incarnation of one worker."""

    stage: int
    number: int
    incarnation: int
    identity: bytes
    process: Process
    heard: float
    state: State = "born"
    deadline: float = BIRTH_DEADLINE
    commits: int = 0
    retrying: bool = False  # the frame it works on has killed another one before
    revision: int = 0  # of its stage's live settings
    granted_at: float = 0.0  # set while it works on a frame that it had to wait for
    last_fault: str = ""
    killed: bool = False  # for its silence
    doomed_at: float | None = None  # since when it has been seen alive after SIGKILL
    threads: int = 1

    def patience(self, setup_deadline: float) -> float:
        """Seconds for which it may be silent now."""
        match self.state:
            case "setup":
                return setup_deadline
            case "draining":
                return DRAIN_DEADLINE
            case "stopping":
                return STOP_DEADLINE
        return self.deadline


@dataclass
class Budget:
    """Counts the early deaths of one stage against its restart policy, and says how long to wait."""

    policy: RestartPolicy
    deaths: deque[float] = field(default_factory=deque)

    def worked(self) -> None:
        """Somebody of the stage has done something."""
        self.deaths.clear()

    def died(self, now: float) -> float | None:
        """It died before it had done anything: seconds until the next start, or None: enough."""
        self.deaths.append(now)
        while now - self.deaths[0] > self.policy.within_s:
            self.deaths.popleft()
        count = len(self.deaths)
        if count > self.policy.max_restarts:
            return None
        return 0.0 if count == 1 else 0.25 * 2 ** min(count - 2, 5) * random.uniform(0.8, 1.2)  # noqa: S311


class Crew:
    """All workers of a run. Times are the supervisor's own patient clock, in seconds."""

    def __init__(
        self, stages: Sequence[BuiltStage], endpoint: str, log: RunLog, heritage: Heritage | None = None
    ) -> None:
        self.stages = stages
        self._endpoint = endpoint
        self._heritage = heritage if heritage is not None and heritage.lasting else None
        self._log = log
        self.members: dict[int, Member] = {}
        self.by_identity: dict[bytes, Member] = {}
        self.environment: Mapping[str, str] = {}  # what workers that hold a model find besides in theirs
        self._numbers = itertools.count(1)
        self._budgets = [Budget(stage.config.restart) for stage in stages]
        self._due: list[tuple[float, int, int]] = []
        self.wanted = [built.workers for built in stages]  # workers of each stage

    def start(self, stage: int, number: int, now: float) -> Member:
        """Start one worker, or take over an earlier run's. Call from the main thread. Raises OSError."""
        built = self.stages[stage]
        threads = max(1, cores() // self.wanted[stage]) if built.stage.heavy else 1
        heir = self._heritage.take(built.name, built.uses, number, threads) if self._heritage else None
        fresh = heir is None
        heir = heir or self._give_birth(built, number, threads)
        state: State = "born" if fresh else "waiting"  # it has said Hello to an earlier run
        member = Member(stage, number, next(self._numbers), heir.identity, heir.process, now, state, threads=threads)
        self.members[member.incarnation] = member
        self.by_identity[heir.identity] = member
        said = f"process {heir.process.pid}, incarnation {member.incarnation}, {built.uses}"
        self._log.event("started", said, self._name(stage, number))
        return member

    def _give_birth(self, built: BuiltStage, number: int, threads: int) -> Heir:
        want_descriptors(SPARE + len(self.members))
        identity = new_identity(built.name, number)
        orders = Orders(self._endpoint, identity.decode(), built.name, number, os.getpid())
        with self._ear(f"{built.name} {number}") as stderr:
            besides = self.environment if built.stage.heavy else {}
            process = Process(orders, {**worker_environment(threads), **besides}, stderr)
        return Heir(built.name, built.uses, number, threads, identity, process)

    def _ear(self, name: str) -> AbstractContextManager[int | None]:
        """Where a worker may write; one that outlives this run, where this process does."""
        return nullcontext() if self._heritage else self._log.ear(name)

    def hand_on(self, member: Member) -> bool:
        """Leave a worker to the next run, and know it no more; False where it cannot be."""
        built = self.stages[member.stage]
        heir = Heir(built.name, built.uses, member.number, member.threads, member.identity, member.process)
        tied = bool(self.environment) and built.stage.heavy  # to what ends with this run
        if tied or self._heritage is None or not self._heritage.keep(heir, member.state):
            return False
        del self.members[member.incarnation]
        del self.by_identity[member.identity]
        return True

    def bury(self, member: Member) -> int:
        """Take a dead worker off the books; returns its exit code."""
        del self.members[member.incarnation]
        del self.by_identity[member.identity]
        code = member.process.bury()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = f"process {member.process.pid}, {how}, {member.commits} frames"
        self._log.event("ended", said, self._name(member.stage, member.number))
        return code

    def restart_later(self, member: Member, now: float) -> bool:
        """Plan a successor; False where its stage has died too often."""
        budget = self._budgets[member.stage]
        delay: float | None = 0.0
        if member.commits:
            budget.worked()
        elif not member.retrying:  # that death is the frame's
            delay = budget.died(now)
        if delay is None:
            return False
        self._due.append((now + delay, member.stage, member.number))
        self._log.event("restart", f"in {delay:.2f} s", self._name(member.stage, member.number))
        return True

    def scale(self, stage: int, workers: int, now: float) -> list[Member]:
        """So many workers from now on: those that are missing are due, those too many (still at work) are returned."""
        self.wanted[stage] = workers
        self._due = [entry for entry in self._due if entry[1] != stage or entry[2] < workers]
        staying = [member for member in self.of(stage) if member.state not in OVER]
        known = {member.number for member in staying} | {number for _, at, number in self._due if at == stage}
        self._due += [(now, stage, number) for number in range(workers) if number not in known]
        return [member for member in staying if member.number >= workers]

    def awaits(self, stage: int) -> bool:
        """Whether nobody works for this stage just now, but somebody will."""
        able = [member for member in self.of(stage) if member.state not in OVER and member.state != "draining"]
        if any(member.state == "ready" and not member.process.kill_sent for member in able):
            return False
        return bool(able) or any(at == stage for _, at, _ in self._due)

    def restart_due(self, now: float) -> Iterator[Member]:
        """Start those whose time has come. Raises RunError."""
        due = [entry for entry in self._due if entry[0] <= now]
        self._due = [entry for entry in self._due if entry[0] > now]
        refused: dict[int, float] = {}  # stages for which nobody can be started, and when to try again
        for _, stage, number in due:
            if stage not in refused:
                try:
                    yield self.start(stage, number, now)
                    continue
                except OSError as error:  # no process, no memory, no descriptor to be had
                    refused[stage] = now + self._next_try(stage, now, error)
            self._due.append((refused[stage], stage, number))

    def _next_try(self, stage: int, now: float, error: OSError) -> float:
        """Seconds; a stage that nobody works for has only so many tries."""
        delay = self._budgets[stage].died(now)
        if delay is None and not self.of(stage):
            raise RunError(f"{self.stages[stage].name}: cannot be started ({error.strerror})") from error
        return NO_ROOM_S if delay is None else max(1.0, delay)

    def silent(self, now: float) -> list[Member]:
        """Those that have said nothing for longer than they may."""
        return [
            member
            for member in self.members.values()
            if not member.killed
            and member.state not in ("done", "undead")
            and now - member.heard > member.patience(self.stages[member.stage].stage.setup_deadline)
        ]

    def _name(self, stage: int, number: int) -> str:
        return f"{self.stages[stage].name} {number}"

    def dead(self) -> list[Member]:
        return [member for member in self.members.values() if member.process.dead]

    def of(self, stage: int) -> list[Member]:
        return [member for member in self.members.values() if member.stage == stage]
