"""Watch: deaths and silences of workers, and what follows: a successor, a quarantine, or the end of the run."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.books import Books
from pipeline.config import Plan
from pipeline.crew import OVER, Crew, Member
from pipeline.errors import CleanplateError
from pipeline.ledger import Ledger
from pipeline.messages import Stop
from pipeline.process import LONGEST_DEATH
from pipeline.traffic import Traffic
from pipeline.waiting import Wait

SETUP_FAILED = 3  # a worker's exit code: do not start me again


class Watch:
    """Knows which workers there are by their pidfds. `fail(exit code, message)` ends the run; `scale(stage, workers,
    now, why)` has a stage do with fewer."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        crew: Crew,
        books: Books,
        wait: Wait,
        fail: Callable[[int, str], None],
        scale: Callable[[int, int, float, str], None],
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._crew = crew
        self._books = books
        self._wait = wait
        self._fail = fail
        self._scale = scale

    def start(self, now: float) -> None:
        """Start every worker that the plan begins with. Call from the main thread."""
        for stage, wanted in enumerate(self._crew.wanted):
            self._crew.scale(stage, wanted, now)
        self.look_after(now)

    def look_after(self, now: float) -> None:
        """Start who is due, kill who is silent, and shut in who does not die."""
        try:
            for member in self._crew.restart_due(now):
                self._watch(member)
        except CleanplateError as error:
            self._fail(error.exit_code, str(error))
        for member in self._crew.silent(now):
            seconds = now - member.heard
            self._books.say(f"{self.name(member)}: nothing heard for {seconds:.0f} s ({member.state}), killed")
            member.killed = True
            self._ledger.leave(member.incarnation)  # no other frame is to be blamed for its death
            member.process.kill()
        for member in list(self._crew.members.values()):
            if member.process.kill_sent and member.state != "undead":
                member.doomed_at = now if member.doomed_at is None else member.doomed_at
                if now - member.doomed_at > LONGEST_DEATH:
                    self._shut_in(member, now)

    def mourn(self, member: Member, now: float, *, needed: bool) -> None:
        """Its death is certain: give back what it held, and start another where one is `needed`."""
        built, state = self._plan.stages[member.stage], member.state
        code = self.forget(member)
        cause = "silent, killed" if member.killed else f"signal {-code}" if code < 0 else f"code {code}"
        for lease in self._ledger.held(member.incarnation)[:1]:
            self._books.blame(lease.slot, f"{self.name(member)}: {cause}")
        for slot in self._ledger.died(member.incarnation):
            self._books.ready_again(slot, time.monotonic())
        if not needed or state in OVER:
            return
        is_sink = not self._ledger.posts[member.stage].children
        if code == SETUP_FAILED and self._is_extra(member):
            self._do_without(member, now, member.last_fault)
            return
        if code == SETUP_FAILED or (code > 0 and is_sink):
            never_worked = code == SETUP_FAILED and not self._ledger.posts[member.stage].commits
            why = member.last_fault or f"ended with code {code}"
            self._fail(3 if never_worked else 4, f"{built.name}: {why}")
            return
        self._books.died(self.name(member), cause)
        self._replace(member, now, cause)

    def dismiss(self, traffic: Traffic) -> None:
        """All is done: who can go on with another run is left to it, the others are to end."""
        for member in list(self._crew.members.values()):
            if self._crew.hand_on(member):
                self._wait.remove(member.process.pidfd)
            elif member.state != "undead":
                traffic.send(member, Stop())

    def forget(self, member: Member) -> int:
        """Take a dead worker off all lists; its exit code."""
        self._wait.remove(member.process.pidfd)
        return self._crew.bury(member)

    def name(self, member: Member) -> str:
        return f"{self._plan.stages[member.stage].name} {member.number}"

    # Inside

    def _replace(self, member: Member, now: float, cause: str) -> None:
        built = self._plan.stages[member.stage]
        if member.number >= self._crew.wanted[member.stage]:
            return
        if not self._crew.restart_later(member, now):
            if self._is_extra(member):
                self._do_without(member, now, cause)
                return
            times, why = built.config.restart.max_restarts + 1, member.last_fault or cause
            self._fail(4, f"{built.name}: died {times} times before a first frame ({why})")
            return
        self._books.stage(member.stage).restarts += 1

    def _do_without(self, member: Member, now: float, why: str) -> None:
        name, wanted = self._plan.stages[member.stage].name, self._crew.wanted[member.stage]
        self._books.say(f"{name}: one worker more could not be set up ({why}); goes on without")
        self._scale(member.stage, wanted - 1, now, "could not be set up")

    def _is_extra(self, member: Member) -> bool:
        """Whether the stage works without it: it was to be one more, in mid-run."""
        others = [other for other in self._crew.of(member.stage) if other.state == "ready"]
        return bool(others) and member.number >= self._plan.stages[member.stage].workers

    def _shut_in(self, member: Member, now: float) -> None:
        """Killed, and it does not die: nobody else may touch what it holds, and no frame waits for it."""
        built, state = self._plan.stages[member.stage], member.state
        member.state = "undead"
        for lease in self._ledger.held(member.incarnation):
            self._books.blame(lease.slot, f"{self.name(member)}: was killed and does not end")
        for slot in self._ledger.quarantine(member.incarnation):
            self._books.ready_again(slot, time.monotonic())
        what = f"{self.name(member)}: process {member.process.pid} was killed and does not end"
        self._books.died(self.name(member), "does not die")
        missed = state not in OVER
        if missed and (not self._ledger.posts[member.stage].children or built.stage.lasting):
            self._fail(4, f"{what}; it may still write what no other worker can do without")
        elif self._ledger.starved:
            self._fail(4, f"{what}; more than half of the ring is held by such workers, or all that is not lent")
        elif missed:
            self._books.say(f"{what}; what it holds is set aside, and its frames go out blank")
            self._replace(member, now, "does not die")

    def _watch(self, member: Member) -> None:
        self._wait.add(member.process.pidfd)
