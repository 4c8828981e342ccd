"""A world around a ledger: processes that touch memory, messages under way, deaths.

It checks what really matters: that nobody sees a torn picture, or the same one twice, or another's, or waits in vain.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from dataclasses import dataclass, field

from pipeline.ledger import GrantTo, Ledger, StageRule, Verdict
from tests.ledgers import check_sums

TORN = -1
Sent = tuple[int, int, int, Verdict, int]  # worker, slot, generation, verdict, pts


@dataclass
class Proc:
    """One worker process: what it was granted, what it touches, what it has said that nobody has heard yet."""

    number: int
    stage: int
    alive: bool = True
    undead: bool = False  # killed, and yet it goes on
    inbox: deque[GrantTo] = field(default_factory=deque)
    touching: GrantTo | None = None
    under_way: deque[Sent] = field(default_factory=deque)
    owes: list[GrantTo] = field(default_factory=list)  # leases that have not ended


@dataclass
class World:
    """`steal`: a supervisor that takes leases back from a silent worker without killing it first."""

    rules: list[StageRule]
    ledger: Ledger
    steal: bool = False
    procs: dict[int, Proc] = field(default_factory=dict)
    memory: dict[tuple[int, int], int] = field(default_factory=dict)  # (slot, stage) -> pts of what it wrote there
    said: deque[Sent] = field(default_factory=lambda: deque(maxlen=50))
    accepted: dict[int, int] = field(default_factory=dict)  # pts -> index
    rejected: int = 0
    blank: set[int] = field(default_factory=set)
    blames: Counter[int] = field(default_factory=Counter)
    shown: set[tuple[int, int]] = field(default_factory=set)  # (sink, pts)
    last: dict[int, int] = field(default_factory=dict)  # ordered stage -> index of its last commit
    hurry: set[int] = field(default_factory=set)  # workers that are taken to be nearly done
    held: Counter[int] = field(default_factory=Counter)  # stage -> how often it is told to pause

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._pts = itertools.count(1000)
        names = [rule.name for rule in self.rules]
        self.above: list[set[int]] = [set()]
        for at, rule in enumerate(self.rules[1:], 1):
            parent = at - 1 if rule.after is None else names.index(rule.after)
            self.above.append(self.above[parent] | {parent})
        self.sinks = [at for at in range(len(names)) if not any(at in above for above in self.above)]

    # Processes

    def spawn(self, stage: int) -> None:
        """A new incarnation, where the supervisor knows of no other or the stage may have several."""
        if len(self.staying(stage)) < (1 if self.rules[stage].ordered else 3):
            proc = Proc(next(self._numbers), stage)
            self.procs[proc.number] = proc
            self.ledger.joined(stage, proc.number)

    def staying(self, stage: int) -> set[int]:
        """Its workers that the supervisor counts on."""
        post = self.ledger.posts[stage]
        return set(post.workers) - post.leaving

    def staff(self) -> None:
        """Every stage has at least one worker; those that are over are forgotten."""
        for proc in list(self.procs.values()):
            if not (proc.alive or proc.under_way or self._is_known(proc)):
                del self.procs[proc.number]
        for stage in range(len(self.ledger.posts)):
            if not self.staying(stage):
                self.spawn(stage)

    def _is_known(self, proc: Proc) -> bool:
        return proc.number in self.ledger.posts[proc.stage].workers

    def begin(self, proc: Proc) -> None:
        """Take up the next granted frame: nobody else may be writing what it reads or writes."""
        if not proc.alive or proc.touching or not proc.inbox:
            return
        given = proc.inbox.popleft()
        if not given.blank:
            for other in self.procs.values():
                held = other.touching
                if held and held.slot == given.slot and not held.blank:
                    one, two = given.stage, held.stage
                    assert one != two, "two workers hold a slot in the same stage"
                    assert one not in self.above[two], "a worker writes what another one reads"
                    assert two not in self.above[one], "a worker reads what another one writes"
            self.memory[given.slot, given.stage] = TORN
        proc.touching = given
        self._look(given)

    def end(self, proc: Proc, verdict: Verdict = Verdict.DONE) -> None:
        """Let go of the frame and say so."""
        given = proc.touching
        if given is None:
            return
        self._look(given)
        pts = given.pts if given.stage else next(self._pts)
        if verdict is Verdict.DONE and not given.blank:
            self.memory[given.slot, given.stage] = pts
        proc.touching = None
        proc.under_way.append((proc.number, given.slot, given.generation, verdict, pts))

    def _look(self, given: GrantTo) -> None:
        if not given.blank:
            for above in self.above[given.stage]:
                assert self.memory.get((given.slot, above)) == given.pts, "a worker sees what is not its frame"

    def kill(self, proc: Proc) -> None:
        proc.alive, proc.touching = False, None
        proc.inbox.clear()

    # The supervisor

    def confirm(self, proc: Proc) -> None:
        """A dead process is seen to be dead. What it had said may come even later."""
        if not proc.alive:
            self._bury(proc)

    def silence(self, proc: Proc) -> None:
        """A worker says nothing: it is killed, and only when it is dead its leases end."""
        if not self.steal:
            self.kill(proc)
        self._bury(proc)

    def dismiss(self, proc: Proc) -> None:
        """One worker fewer: it may finish what it holds, and ends when it has."""
        if self._is_known(proc) and not self.rules[proc.stage].ordered:
            self.ledger.leave(proc.number)
            assert not self.ledger.slots or proc.number not in self.staying(proc.stage)

    def shut_in(self, proc: Proc) -> None:
        """A worker that was killed does not die: it goes on writing what it holds, and what it says counts no more."""
        if proc.alive and not proc.undead and proc.stage not in self.sinks and self._is_known(proc):
            proc.undead = True
            self.blank |= {given.pts for given in proc.owes if proc.stage}
            proc.owes.clear()
            self.ledger.quarantine(proc.number)

    def pause(self, stage: int) -> None:
        self.held[stage] += 1
        self.ledger.hold(stage)

    def go_on(self, stage: int) -> None:
        if self.held[stage]:
            self.held[stage] -= 1
            self.ledger.release(stage)

    def _bury(self, proc: Proc) -> None:
        if not self._is_known(proc):
            return
        if proc.owes and proc.stage:
            self._blame(proc.owes[0].pts)
        proc.owes.clear()
        self.ledger.died(proc.number)

    def _blame(self, pts: int) -> None:
        self.blames[pts] += 1
        if self.blames[pts] >= self.ledger.max_tries:
            self.blank.add(pts)

    def deliver(self, proc: Proc) -> None:
        """The oldest message under way arrives."""
        if proc.under_way:
            message = proc.under_way.popleft()
            self.said.append(message)
            self.hear(message)

    def hear(self, message: Sent) -> None:
        number, slot, generation, verdict, pts = message
        lease = self.ledger.committed(number, slot, generation, verdict, pts)
        if lease is None:
            return
        owes = self.procs[number].owes
        owes[:] = [given for given in owes if (given.slot, given.generation) != (slot, generation)]
        if lease.stage == 0:
            self._heard_source(verdict, pts)
        elif verdict is Verdict.FAILED:
            self.blank.add(pts)
        elif verdict is Verdict.DONE:
            self.heard_done(lease.stage, pts)

    def _heard_source(self, verdict: Verdict, pts: int) -> None:
        if verdict is Verdict.DONE:
            self.accepted[pts] = self.ledger.accepted - 1
        elif verdict is not Verdict.RETURNED:
            self.rejected += 1

    def heard_done(self, stage: int, pts: int) -> None:
        if self.rules[stage].ordered:
            assert self.accepted[pts] > self.last.get(stage, -1), "an ordered stage did frames out of order"
            self.last[stage] = self.accepted[pts]
        if stage in self.sinks:
            assert (stage, pts) not in self.shown, "a sink had the same frame twice"
            self.shown.add((stage, pts))

    def grant(self) -> None:
        staying = [self.staying(stage) for stage in range(len(self.rules))]
        for given in self.ledger.grants(self.hurry):
            proc = self.procs[given.worker]
            assert given.worker in staying[given.stage], "a worker that leaves is given more"
            assert not self.held[given.stage], "a stage that pauses is given a frame"
            proc.owes.append(given)
            if proc.alive:
                proc.inbox.append(given)
            self.check_given(given)
        self._check_nobody_waits_in_vain()

    def check_given(self, given: GrantTo) -> None:
        if given.stage:
            assert given.index == self.accepted[given.pts]
            assert given.blank == (given.pts in self.blank), "blank, or not, without reason"

    def stays(self, slot: int) -> bool:
        """Whether a live source may not have this slot, whatever it waits for."""
        return bool(self.ledger.slots[slot].leases)

    def _check_nobody_waits_in_vain(self) -> None:
        ledger = self.ledger
        for at, post in enumerate(ledger.posts):
            staying = self.staying(at)
            if not staying or self.held[at]:
                continue
            held = min((post.workers[worker] for worker in staying), key=len)
            if len(held) >= (post.rule.credits if len(staying) == 1 else 1) or any(lease.alone for lease in held):
                continue
            if at == 0 and ledger.intake_open:
                assert not ledger.free, "a slot is free and the source waits"
                if ledger.on_full == "drop_oldest":
                    assert all(map(self.stays, ledger.live.values())), "a live source waits"
            elif at and not post.rule.ordered:
                assert not post.ready, "a frame and a worker wait for each other"

    # The whole

    def check(self) -> None:
        check_sums(self.ledger)
        assert self.ledger.accepted == len(self.accepted) + self.rejected

    def drain(self) -> None:
        """Everybody does what they ought to: the run must come to its end, and every frame to its fate."""
        self.ledger.close_intake()
        for stage in range(len(self.rules)):
            while self.held[stage]:
                self.go_on(stage)
        for _ in range(5 + 2 * len(self.rules) * len(self.ledger.slots)):
            for proc in list(self.procs.values()):
                self._finish(proc)
            self.staff()
            self.grant()
            self.check()
        assert self.ledger.idle, "frames stay under way for ever"
        free = {*self.ledger.free, *self.ledger.quarantined}
        assert free == set(range(len(self.ledger.slots)))
        self._check_fates()
        for proc in list(self.procs.values()):
            self.kill(proc)
            self.confirm(proc)
        assert sorted(self.ledger.free) == list(range(len(self.ledger.slots))), "a slot stays in quarantine for ever"

    def _finish(self, proc: Proc) -> None:
        self.confirm(proc)
        self.begin(proc)
        self.end(proc, Verdict.DONE if proc.stage else Verdict.RETURNED)
        while proc.under_way:
            self.deliver(proc)

    def _check_fates(self) -> None:
        fates, seen = self.ledger.fates, {pts for _, pts in self.shown}
        assert fates["output"] == len(seen - self.blank)
        assert fates["blanked"] == len(seen & self.blank)
        assert fates["rejected"] == self.rejected
        assert fates["dropped"] == len(self.accepted) - len(seen)
        if self.ledger.on_full == "block":
            hopeless = [pts for pts, times in self.blames.items() if times >= 2 * self.ledger.max_tries]
            assert fates["dropped"] <= len(hopeless), "a frame is lost"
            lost = {(sink, pts) for sink in self.sinks for pts in self.accepted if pts not in hopeless} - self.shown
            assert not lost, "a branch has lost a frame"
