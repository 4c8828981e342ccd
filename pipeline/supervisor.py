"""Supervisor: starts the workers, moves tokens as the ledger says, watches, restarts, and brings a run to its end.

One thread, one loop: drain the inbox, act on deaths, grant what can be granted, judge deadlines. It never waits for a
worker: every wait is one poll on the socket, on the pidfds and on the signals, with a time-out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pipeline.admin import AdminServer
from pipeline.books import Books
from pipeline.config import Plan
from pipeline.crew import Crew, Member
from pipeline.errors import CleanplateError, ProtocolError
from pipeline.heritage import Heritage
from pipeline.messages import (
    Anything,
    Changed,
    Commit,
    Done,
    End,
    Fault,
    Heartbeat,
    Hello,
    Note,
    Ready,
    State,
    Stop,
    Tally,
    unpack,
)
from pipeline.runlog import RunLog
from pipeline.staffing import Staffing
from pipeline.status import snapshot
from pipeline.steering import Steering
from pipeline.traffic import Traffic
from pipeline.waiting import PatientClock, Wait
from pipeline.watch import Watch
from pipeline.witness import Witness

POLL_S = 0.1
MOST_MESSAGES = 1000  # in one turn; deaths and signals must not wait for an inbox that never empties
INTERRUPT_S = 10.0  # for the frames under way
COMPLETE_S = 60.0  # for completing the output after that
GOODBYE_S = 5.0
HOPELESS = 5  # frames that a stage failed, before it did any


class Phase(Enum):
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    ENDED = "ended"


class Supervisor:
    """Runs one plan to its end. `log` gets each note for the user once; `facts` say who it is, in its status;
    `heritage` is what an earlier run has left."""

    def __init__(
        self, plan: Plan, folder: Path, log: RunLog, *,
        limit: int | None = None, facts: Mapping[str, Any] | None = None, heritage: Heritage | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self._facts = dict(facts or {})
        self._began, self._began_cpu = time.monotonic(), time.process_time()
        self.ledger = Witness.of(plan, limit)
        self.books = Books(plan, log)
        self.phase = Phase.STARTING
        self.failure: tuple[int, str] | None = None
        self.interrupted = 0  # the signal that asked to end
        self._heritage = heritage or Heritage(folder)
        self._server, self.lasting = self._heritage.server, self._heritage.lasting
        self._admin = AdminServer(folder)
        self.wait = Wait(self._server.socket, self._admin.socket)
        self.crew = Crew(plan.stages, self._server.endpoint, log, self._heritage)
        self._traffic = Traffic(self.ledger, self.crew, self._server, self.books)
        self.steering = Steering(plan, self.ledger, self.crew, self._traffic, self.books, self._admin)
        self.staffing = Staffing(plan, self.ledger, self.crew, self._traffic, self.books, self.steering.changes)
        self._watch = Watch(plan, self.ledger, self.crew, self.books, self.wait, self.fail, self.steering.scale)
        self.sinks = [at for at, post in enumerate(self.ledger.posts) if not post.children]
        self._clock = PatientClock()
        self._completed: set[tuple[int, int]] = set()  # sinks that have completed their output: stage, number
        self._look_again = 0.0
        self._give_up_at: float | None = None
        self._source_done = False

    # The life of a run

    def start(self) -> None:
        """Start every worker. Call from the main thread."""
        self._watch.start(self._clock.now)
        self.staffing.welcome_heirs()

    def turn(self) -> bool:
        """One turn of the loop; False when the run has ended."""
        deaths_or_signals = self.wait.poll(self._traffic.patience(POLL_S))
        self._clock.advance()
        self._drain_inbox()
        if deaths_or_signals:
            for number in self.wait.signals():
                self.interrupt(number)
            for member in self.crew.dead():
                self._drain_inbox()  # what it said last still counts
                self._watch.mourn(member, self._clock.now, needed=self._is_needed(member))
            self._look_again = 0.0  # its successor may be due at once
        if self._clock.now >= self._look_again:
            self._look_again = self._clock.now + POLL_S
            self._watch.look_after(self._clock.now)
            if self.phase is Phase.RUNNING:
                self.steering.autoscale(self._clock.now)
        self.steering.turn(self._clock.now, ending=self._is_ending, status=self.status)
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
        self._give_up_at = self._clock.now + INTERRUPT_S
        if self.phase is Phase.STARTING:
            self.fail(128 + signal_number, "interrupted before the first frame")
        else:
            self._drain(0)

    def fail(self, code: int, message: str) -> None:
        """End the run with this exit code; the first failure is the one that is told."""
        if self.failure is None:
            self.failure = (code, message)
        self.phase = Phase.ENDED

    def await_end(self) -> None:
        """After the last turn: let workers that were told to stop end by themselves, for a moment."""
        self.steering.changes.abandon()
        until = time.monotonic() + (GOODBYE_S if self.failure is None else 0.0)
        while self.crew.members and time.monotonic() < until:
            self.wait.poll(POLL_S)
            gone = self.crew.dead()
            self._drain_inbox()  # what it said last still counts
            self.steering.turn(self._clock.now, ending=True, status=self.status)
            for member in gone:
                self._watch.forget(member)

    def close(self) -> None:
        """Unmake everything: no worker, no socket, no memory is left."""
        for member in list(self.crew.members.values()):
            member.process.kill()
        for member in list(self.crew.members.values()):
            self._watch.forget(member)
        self.staffing.memory.close()
        self.wait.close()
        self._heritage.release()
        self._admin.close()

    def status(self) -> dict[str, Any]:
        """How it is going, for whoever asks."""
        phase = "paused" if self.steering.paused and self.phase is Phase.RUNNING else self.phase.value
        cpu = 1000 * (time.process_time() - self._began_cpu) / max(1, self.ledger.accepted)
        seconds = round(time.monotonic() - self._began, 3)
        facts = {**self._facts, "phase": phase, "seconds": seconds, "control_ms_per_frame": round(cpu, 4)}
        return snapshot(self.plan, self.ledger, self.crew, self.books, self.steering, facts)

    # Messages

    def _drain_inbox(self) -> None:
        for _ in range(MOST_MESSAGES):
            if (received := self._server.receive()) is None:
                return
            identity, data = received
            member = self.crew.by_identity.get(identity)
            if member is None:
                self.books.foreign += 1
                continue
            try:
                message = unpack(data)
            except ProtocolError as error:
                self.books.foreign += 1
                self.books.say(f"{self._watch.name(member)}: {error}")
                continue
            member.heard = self._clock.now
            self._take(member, message)

    def _take(self, member: Member, message: Anything) -> None:
        match message:
            case Commit():
                self._traffic.committed(member, message)
                self._grant()
            case Heartbeat():
                pass
            case Hello():
                self.staffing.welcome(member)
            case Ready():
                self._staffed(member, message)
            case Note() | Tally() | State():
                self.books.told(member.stage, message)
            case End():
                self.ledger.close_intake()
                self._drain(0)
            case Fault():
                self._blame(member, message)
            case Changed():
                self.steering.changes.heard(member, message)
            case Done():
                self._done(member, message)
            case _:
                self.books.foreign += 1

    def _staffed(self, member: Member, ready: Ready) -> None:
        try:
            self.staffing.staff(member, ready)
        except CleanplateError as error:
            self.fail(error.exit_code, str(error))
            return
        leaving = member.stage == 0 and not self.ledger.intake_open
        if leaving or (self.phase is Phase.FINISHING and member.stage in self.sinks):
            self._traffic.drain(member, self._clock.now)

    def _blame(self, member: Member, fault: Fault) -> None:
        member.last_fault = self.books.heard(member.stage, member.number, fault)
        if fault.when != "frame" or self.phase is Phase.ENDED:
            return
        self.books.fault(member.stage, fault, self.ledger.held(member.incarnation))
        built, meter = self.plan.stages[member.stage], self.books.stage(member.stage)
        if built.on_error == "stop" or (meter.failures >= HOPELESS and meter.frames < meter.failures):
            self.fail(4, f"{built.name}: {fault.error}")

    def _done(self, member: Member, done: Done) -> None:
        if member.state not in (("draining", "leaving") if member.stage else ("ready", "draining")):
            self.books.foreign += 1  # nobody has asked it
            return
        self.books.done(member.stage, done.facts)
        if member.state == "leaving":
            member.state, member.heard = "stopping", self._clock.now
            self._traffic.send(member, Stop())
            return
        member.state = "done"
        self._completed.add((member.stage, member.number))
        if member.stage == 0:
            self._source_done = True
            self.ledger.close_intake()

    # The end

    def _move_on(self) -> None:
        """From phase to phase, when everything that belongs to one has happened."""
        if self.phase is Phase.STARTING and self.staffing.complete:
            self.phase = Phase.RUNNING
            self._grant()
        if self.phase is Phase.RUNNING:
            if self.ledger.full and not self._source_done:
                self._drain(0)
            if self._give_up_at is not None and self._clock.now > self._give_up_at:
                self._give_up()
            if self._source_done and self.ledger.idle:
                self.phase = Phase.FINISHING
                for stage in self.sinks:
                    self._drain(stage)
        if self.interrupted and self._give_up_at and self._clock.now > self._give_up_at + COMPLETE_S:
            self.fail(128 + self.interrupted, f"the output could not be completed within {COMPLETE_S:.0f} s")
        if self.phase is Phase.FINISHING and all(self._complete(stage) for stage in self.sinks):
            self.phase = Phase.ENDED
            self._watch.dismiss(self._traffic)

    def _complete(self, sink: int) -> bool:
        return all((sink, number) in self._completed for number in range(self.plan.stages[sink].config.workers))

    def _give_up(self) -> None:
        """Too slow to finish after an interrupt: end all that work on frames, and let the sinks complete."""
        self._source_done = True
        for member in self.crew.members.values():
            if member.stage not in self.sinks and not member.killed:
                member.killed, member.state = True, "done"
                member.process.kill()
        self.ledger.abandon()

    def _grant(self) -> None:
        if self.phase is Phase.RUNNING:
            self._traffic.grant(self._clock.now)

    def _drain(self, stage: int) -> None:
        for member in self.crew.of(stage):
            if member.state == "ready":
                self._traffic.drain(member, self._clock.now)

    @property
    def _is_ending(self) -> bool:
        return bool(self.interrupted) or self._source_done or self.phase in (Phase.FINISHING, Phase.ENDED)

    def _is_needed(self, member: Member) -> bool:
        """Whether there is still work for somebody in its place."""
        return self.phase is not Phase.ENDED and (self.phase is not Phase.FINISHING or member.stage in self.sinks)
