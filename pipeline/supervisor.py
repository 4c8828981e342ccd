"""Supervisor: starts the workers, moves tokens as the ledger says, watches, restarts, and brings a run to its end.

One thread, one loop: drain the inbox, act on deaths, grant what can be granted, judge deadlines. It never waits for a
worker: every wait is one poll on the socket, on the pidfds and on the signals, with a time-out.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import zmq

from pipeline.config import Plan
from pipeline.control import ControlServer
from pipeline.crew import Crew, Member
from pipeline.errors import ProtocolError
from pipeline.frame import FrameSpec
from pipeline.ledger import Ledger, StageRule, Verdict
from pipeline.memory import SharedMemory
from pipeline.messages import (
    Anything,
    Commit,
    Done,
    Drain,
    Fault,
    Grant,
    Heartbeat,
    Hello,
    Mapped,
    Note,
    Ready,
    Start,
    Stop,
    Tally,
    unpack,
)
from pipeline.metrics import RunMeter, StageMeter

POLL_S = 0.1
LONGEST_GAP = 0.25  # of the loop itself that counts against a worker's patience
INTERRUPT_S = 10.0
GOODBYE_S = 5.0
HOPELESS = 5  # frames that a stage failed, before it did any


class Phase(Enum):
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    ENDED = "ended"


class Supervisor:
    """Runs one plan to its end. `told` gets each note for the user once."""

    def __init__(
        self, plan: Plan, folder: Path, *, limit: int | None = None, told: Callable[[str], None] = lambda _: None
    ) -> None:
        self.plan = plan
        self.told = told
        rules = [StageRule(s.name, s.after, s.stage.stateful, plan.credits(s)) for s in plan.stages]
        self.ledger = Ledger(rules, plan.slots, on_full=plan.on_full, max_tries=plan.config.max_tries, limit=limit)
        self.meter = RunMeter({stage.name: StageMeter() for stage in plan.stages})
        self.phase = Phase.STARTING
        self.spec: FrameSpec | None = None
        self.failure: tuple[int, str] | None = None
        self.interrupted = 0  # the signal that asked to end
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.models: list[dict[str, str]] = []
        self.facts: dict[str, object] = {}
        self.deaths: list[str] = []
        self.memory = SharedMemory(plan)
        self._server = ControlServer(folder)
        self.crew = Crew(plan.stages, self._server.endpoint)
        self._epoll = select.epoll()
        self._poller = zmq.Poller()
        self._poller.register(self._server.socket, zmq.POLLIN)
        self._poller.register(self._epoll.fileno(), zmq.POLLIN)
        self._now = 0.0  # the patient clock
        self._real = time.monotonic()
        self._give_up_at: float | None = None
        self._look_again = 0.0
        self._signals: tuple[int, list[int]] | None = None
        self._source_done = False
        self._last_pts = 0
        self._flips = [0] * len(plan.stages)
        self._ready_at = [0.0] * plan.slots
        self._born_at = [0.0] * plan.slots

    # The life of a run

    def start(self) -> None:
        """Start every worker. Call from the main thread."""
        for at, built in enumerate(self.plan.stages):
            for number in range(built.config.workers):
                self._watch(self.crew.start(at, number, self._now))

    def turn(self) -> bool:
        """One turn of the loop; False when the run has ended."""
        events = dict(self._poller.poll(int(POLL_S * 1000)))
        self._advance_clock()
        self._drain_inbox()
        if self._epoll.fileno() in events:
            self._heed_signals()
            for member in self.crew.dead():
                self._drain_inbox()  # what it said last still counts
                self._mourn(member)
        if self._now >= self._look_again:
            self._look_again = self._now + POLL_S
            for member in self.crew.restart_due(self._now):
                self._watch(member)
            for member in self.crew.silent(self._now):
                self._kill(member)
        self._grant()
        self._move_on()
        return self.phase is not Phase.ENDED

    def interrupt(self, signal_number: int) -> None:
        """First call: finish what is under way. Second call: end at once."""
        if self.interrupted:
            self.fail(128 + signal_number, "interrupted twice: ended at once")
            return
        self.interrupted = signal_number
        self.ledger.close_intake()
        self._give_up_at = self._now + INTERRUPT_S
        if self.phase is Phase.STARTING:
            self.fail(128 + signal_number, "interrupted before the first frame")
        else:
            self._drain(0)

    def heed(self, fd: int, asked: list[int]) -> None:
        """Wake up for this pipe, and act on the signal numbers that a handler has put into the list."""
        self._epoll.register(fd, select.EPOLLIN)
        self._signals = (fd, asked)

    def _heed_signals(self) -> None:
        if self._signals is None:
            return
        fd, asked = self._signals
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 4096)
        while asked:
            self.interrupt(asked.pop(0))

    def await_end(self) -> None:
        """After the last turn: let workers that were told to stop end by themselves, for a moment."""
        until = time.monotonic() + (GOODBYE_S if self.failure is None else 0.0)
        while self.crew.members and time.monotonic() < until:
            self._poller.poll(int(POLL_S * 1000))
            self._drain_inbox()
            for member in self.crew.dead():
                self._forget(member)

    def close(self) -> None:
        """Unmake everything: no worker, no socket, no memory is left."""
        for member in list(self.crew.members.values()):
            member.process.kill()
        for member in list(self.crew.members.values()):
            self._forget(member)
        self.memory.close()
        self._epoll.close()
        self._server.close()

    # Messages

    def _drain_inbox(self) -> None:
        while (received := self._server.receive()) is not None:
            identity, data = received
            member = self.crew.by_identity.get(identity)
            if member is None:
                self.ledger.stale += 1
                continue
            try:
                message = unpack(data)
            except ProtocolError as error:
                self._say(f"{self._name(member)}: {error}")
                continue
            member.heard = self._now
            self._take(member, message)

    def _take(self, member: Member, message: Anything) -> None:
        meter = self.meter.stages[self.plan.stages[member.stage].name]
        match message:
            case Commit():
                self._committed(member, message, meter)
            case Hello():
                self._welcome(member)
            case Ready():
                self._staff(member, message)
            case Heartbeat():
                pass
            case Note():
                self._say(message.text)
            case Tally():
                meter.counts.update(message.counts)
                meter.errors.update(message.errors)
            case Fault():
                self._blame(member, message, meter)
            case Done():
                self._done(member, message)
            case _:
                self.ledger.stale += 1

    def _committed(self, member: Member, commit: Commit, meter: StageMeter) -> None:
        now = time.monotonic()
        born = self._born_at[commit.slot] if commit.slot < len(self._born_at) else 0.0
        lease = self.ledger.committed(
            member.incarnation, commit.slot, commit.generation, commit.verdict, commit.pts, commit.duration
        )
        if lease is None or commit.verdict is Verdict.RETURNED:
            return
        busy = commit.busy_ns / 1e9
        member.commits += 1
        member.retrying = False
        meter.frames += 1
        meter.busy.add(busy)
        if member.granted_at:
            self.meter.hop.add(max(0.0, now - member.granted_at - busy))
            member.granted_at = 0.0
        self._ready_at[commit.slot] = now
        if commit.verdict is Verdict.DONE:
            self._flips[member.stage] ^= 1
        if member.stage == 0:
            self._last_pts = commit.pts
            self._born_at[commit.slot] = now
            self.meter.first_in = self.meter.first_in or now - busy
        elif not self.ledger.posts[member.stage].children:
            self.meter.latency.add(now - born)
            self.meter.last_out = now
        self._grant()

    def _welcome(self, member: Member) -> None:
        """A new worker runs: set it up, as soon as the size of the frames is known."""
        member.state = "setup"
        built = self.plan.stages[member.stage]
        earlier = self.meter.stages[built.name].restarts > 0
        if member.stage == 0:
            resume = self.ledger.accepted if earlier else None
            start = Start(uses=built.uses, options=dict(built.options), resume=resume, pts=self._last_pts)
            self._send(member, start)
        elif self.spec is not None:
            done = self.ledger.posts[member.stage].commits
            start = Start(
                uses=built.uses,
                options=dict(built.options),
                spec=self.spec,
                mappings=self.memory.lend(member),
                resume=done if earlier else None,
            )
            self._send(member, start)

    def _staff(self, member: Member, ready: Ready) -> None:
        """A worker is set up. A source has brought the size of the frames: the memory can be made."""
        if member.stage == 0:
            assert ready.spec is not None
            if self.spec is None:
                self.spec = ready.spec
                self.memory.make(ready.spec)
                for other in list(self.crew.members.values()):
                    if other.stage and other.state == "setup":
                        self._welcome(other)
            elif (ready.spec.width, ready.spec.height) != (self.spec.width, self.spec.height):
                self.fail(4, f"the input changed its size to {ready.spec.width}x{ready.spec.height} in mid-run")
                return
            self._send(member, Mapped(spec=self.spec, mappings=self.memory.lend(member)))
        member.state = "ready"
        member.deadline = ready.deadline
        self.models += [model for model in ready.models if model not in self.models]
        self.ledger.joined(member.stage, member.incarnation)
        if self.phase is Phase.FINISHING and not self.ledger.posts[member.stage].children:
            self._drain_member(member)
        if member.stage == 0 and self.interrupted:
            self._drain_member(member)

    def _blame(self, member: Member, fault: Fault, meter: StageMeter) -> None:
        built = self.plan.stages[member.stage]
        member.last_fault = fault.error
        member.setup_fault = fault.when == "setup"
        if fault.when != "frame":
            return
        meter.failures += 1
        if len(self.faults) < 20:
            self.faults.append(fault.error if fault.usage else fault.traceback)
        done = meter.frames - meter.failures
        if built.on_error == "stop" or (meter.failures >= HOPELESS and done < 1):
            self.fail(4, f"{built.name}: {fault.error}")

    def _done(self, member: Member, done: Done) -> None:
        self.facts.update(done.facts)
        member.state = "done"
        if member.stage == 0:
            self._source_done = True
            self.ledger.close_intake()

    # Deaths, silence, the end

    def _mourn(self, member: Member) -> None:
        """Its death is certain: give back what it held, and start another where one is needed."""
        name, stage = self._name(member), self.plan.stages[member.stage]
        code = self._forget(member)
        for slot in self.ledger.died(member.incarnation):
            self._ready_at[slot] = time.monotonic()
        if self.phase is Phase.ENDED or member.state == "done":
            return
        if code == 3 or (code > 0 and not self.ledger.posts[member.stage].children):
            self.fail(3 if code == 3 else 4, f"{stage.name}: {member.last_fault or f'ended with code {code}'}")
            return
        cause = "silent, killed" if member.killed else f"signal {-code}" if code < 0 else f"code {code}"
        self.deaths.append(f"{name}: {cause}")
        if not self.crew.restart_later(member, self._now):
            what = member.last_fault or cause
            self.fail(
                4, f"{stage.name}: died {stage.config.restart.max_restarts + 1} times before a first frame ({what})"
            )
            return
        self.meter.stages[stage.name].restarts += 1

    def _forget(self, member: Member) -> int:
        self._epoll.unregister(member.process.pidfd)
        return self.crew.bury(member)

    def _kill(self, member: Member) -> None:
        self._say(f"{self._name(member)}: silent for too long in state {member.state!r}, killed")
        member.killed = True
        member.process.kill()

    def _move_on(self) -> None:
        """From phase to phase, when everything that belongs to one has happened."""
        if self.phase is Phase.STARTING and all(post.workers for post in self.ledger.posts):
            self.phase = Phase.RUNNING
            self._grant()
        if self.phase is Phase.RUNNING:
            if self.ledger.full and not self._source_done:
                self._drain(0)
            if self._give_up_at is not None and self._now > self._give_up_at:
                self._give_up()
            if self._source_done and self.ledger.idle:
                self.phase = Phase.FINISHING
                for stage in self._sinks():
                    self._drain(stage)
        if self.phase is Phase.FINISHING and all(
            self.crew.of(stage) and all(m.state == "done" for m in self.crew.of(stage)) for stage in self._sinks()
        ):
            self.phase = Phase.ENDED
            for member in self.crew.members.values():
                self._send(member, Stop())

    def _give_up(self) -> None:
        """Too slow to finish after an interrupt: end all that work on frames, and let the sinks complete."""
        self._source_done = True
        for member in list(self.crew.members.values()):
            if member.stage not in self._sinks() and not member.killed:
                member.killed = True
                member.state = "done"
                member.process.kill()
        self.ledger.abandon()

    def fail(self, code: int, message: str) -> None:
        if self.failure is None:
            self.failure = (code, message)
        self.phase = Phase.ENDED

    # Small things

    def _grant(self) -> None:
        if self.phase is not Phase.RUNNING:
            return
        for given in self.ledger.grants():
            member = self.crew.members[given.worker]
            now = time.monotonic()
            if given.stage:
                self.meter.stages[self.plan.stages[given.stage].name].wait.add(now - self._ready_at[given.slot])
            if len(self.ledger.held(given.worker)) == 1:
                member.granted_at = now
                member.heard = self._now
                member.retrying = self.ledger.slots[given.slot].tries > 0
            self._send(
                member,
                Grant(
                    given.slot, given.generation, given.index, given.pts, given.duration, given.blank,
                    self._flips[given.stage],
                ),
            )  # fmt: skip

    def _send(self, member: Member, message: Anything) -> None:
        """What cannot be delivered is lost with its worker, whose end is seen by its pidfd."""
        self._server.send(member.identity, message.pack())

    def _drain(self, stage: int) -> None:
        for member in self.crew.of(stage):
            if member.state == "ready":
                self._drain_member(member)

    def _drain_member(self, member: Member) -> None:
        member.state = "draining"
        member.heard = self._now
        self._send(member, Drain())

    def _watch(self, member: Member) -> None:
        self._epoll.register(member.process.pidfd, select.EPOLLIN)

    def _advance_clock(self) -> None:
        """Time in which this loop did not run (a stopped machine, a stopped supervisor) is nobody's fault."""
        real = time.monotonic()
        self._now += min(real - self._real, LONGEST_GAP)
        self._real = real

    def _sinks(self) -> list[int]:
        return [at for at, post in enumerate(self.ledger.posts) if not post.children]

    def _name(self, member: Member) -> str:
        return f"{self.plan.stages[member.stage].name} {member.number}"

    def _say(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < 100:
            self.notes.append(text)
            self.told(text)
