"""The world around a ledger whose stages see other frames beside their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.ledger import GrantTo, Verdict
from pipeline.posts import Loan
from tests.ledger_world import Proc, World


@dataclass
class LoansWorld(World):
    """Whoever is lent a frame sees it whole, from the grant to the commit; and it is the right one."""

    done: dict[int, dict[int, int]] = field(default_factory=dict)  # stage -> index -> pts of what it has done
    without: set[tuple[int, int]] = field(default_factory=set)  # stage, index of a frame that it was not lent
    learnt: dict[int, int] = field(default_factory=dict)  # stage -> index of the last frame that it recalled
    foretold: dict[int, dict[int, list[int]]] = field(default_factory=dict)  # stage -> index -> those that follow
    lent: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [rule.name for rule in self.rules]
        self.finisher = {at: names.index(rule.recalls_from) for at, rule in enumerate(self.rules) if rule.recalls_from}

    # What is seen

    def begin(self, proc: Proc) -> None:
        before = proc.touching
        super().begin(proc)
        if proc.touching is not before:
            self._look_beside(proc)

    def end(self, proc: Proc, verdict: Verdict = Verdict.DONE) -> None:
        self._look_beside(proc)
        super().end(proc, verdict)

    def _look_beside(self, proc: Proc) -> None:
        given = proc.touching
        if given is None or proc.undead:
            return
        for loan, written in self._beside(given):
            for stage in written:
                assert self.memory.get((loan.slot, stage)) == loan.pts, "what was lent is not that frame, or torn"

    def _beside(self, given: GrantTo) -> Iterator[tuple[Loan, set[int]]]:
        """Each frame that is lent, with the stages that have written it."""
        if given.finished:
            finisher = self.finisher[given.stage]
            yield given.finished, self.above[finisher] | {finisher}
        for loan in given.later:
            yield loan, self.above[given.stage]

    # What is granted

    def grant(self) -> None:
        super().grant()
        ledger, recalling = self.ledger, [rule for rule in self.rules if rule.recalls_from]
        most = sum(rule.lag if ledger.on_full == "block" else 1 for rule in recalling)
        assert len(ledger.kept) <= most + len(self._lent_slots()), "more is kept than anybody may see"

    def check_given(self, given: GrantTo) -> None:
        super().check_given(given)
        rule = self.rules[given.stage]
        if rule.recalls_from:
            self._check_finished(given, self.done.get(self.finisher[given.stage], {}))
        if rule.later:
            self._check_later(given, rule.later)
        assert rule.recalls_from or not given.finished
        assert rule.later or not given.later

    def _check_finished(self, given: GrantTo, done: dict[int, int]) -> None:
        loan, wanted = given.finished, given.index - self.rules[given.stage].lag
        self.lent["finished"] += loan is not None
        if self.ledger.on_full == "block":
            if loan is None:
                assert wanted not in done, "it is not lent what is there"
                self.without.add((given.stage, wanted))
            else:
                assert (loan.index, loan.pts) == (wanted, done[wanted]), "it is lent another frame"
        elif loan is not None:
            assert loan.index == max(done), "it is lent an old one"
            assert loan.index > self.learnt.get(given.stage, -1), "it is lent what it has had"

    def _check_later(self, given: GrantTo, most: int) -> None:
        seen = [loan.index for loan in given.later]
        self.lent["later"] += len(seen)
        assert seen == sorted(set(seen))
        assert not seen or seen[0] > given.index
        if self.ledger.on_full == "block":
            come = {self.accepted[pts] for pts in self.accepted.keys() - self.blank}
            assert set(seen) == come & set(range(given.index + 1, given.index + 1 + most)), "it is lent others"
        assert len(seen) <= most
        reaches_the_end = given.index + most >= self.ledger.accepted
        whole = len(seen) == most or (self.ledger.on_full == "block" and not reaches_the_end)
        assert whole or not self.ledger.intake_open, "it is lent fewer before the end"
        told = self.foretold.setdefault(given.stage, {})
        for index, follow in told.items():
            if index < given.index <= max(follow, default=index):
                assert given.index in follow, "a frame comes that was not foretold"
        told[given.index] = seen

    # What is heard

    def hear(self, message: tuple[int, int, int, Verdict, int]) -> None:
        number, slot, generation, verdict, _ = message
        owes = self.procs[number].owes if number in self.procs else []
        ends = [given for given in owes if (given.slot, given.generation) == (slot, generation)]
        super().hear(message)
        for given in ends:
            if given.finished and given not in owes and verdict is not Verdict.RETURNED:
                self.learnt[given.stage] = given.finished.index

    def heard_done(self, stage: int, pts: int) -> None:
        super().heard_done(stage, pts)
        index = self.accepted[pts]
        self.done.setdefault(stage, {})[index] = pts
        for at, finisher in self.finisher.items():
            assert finisher != stage or (at, index) not in self.without, "it did not wait for a frame that came"

    def stays(self, slot: int) -> bool:
        looking = [post for post in self.ledger.posts if post.rule.later]
        windows = {post.ready[at] for post in looking for at in sorted(post.ready)[-1 - post.rule.later :]}
        return super().stays(slot) or slot in self._lent_slots() or slot in windows

    def _lent_slots(self) -> dict[int, Loan]:
        owed = [given for proc in self.procs.values() for given in proc.owes]
        return {loan.slot: loan for given in owed for loan, _ in self._beside(given)}

    # The whole

    def check(self) -> None:
        super().check()
        ledger = self.ledger
        at_source = {lease.slot for held in ledger.posts[0].workers.values() for lease in held}
        for slot, loan in self._lent_slots().items():
            assert slot not in ledger.free, "a slot that is lent is free"
            assert slot not in at_source or slot in ledger.quarantined, "a slot that is lent is being filled"
            assert ledger.slots[slot].index == loan.index, "a slot that is lent holds another frame"

    def drain(self) -> None:
        self._go_on()
        super().drain()
        assert not self.ledger.kept
        assert not self.ledger.readers

    def _go_on(self) -> None:
        """While more comes in and everybody works, frames come through: nobody waits for what cannot come."""
        ledger = self.ledger
        for stage in range(len(self.rules)):
            while self.held[stage]:
                self.go_on(stage)
        if ledger.starved or not ledger.intake_open:
            return
        aim, rounds = ledger.accepted + len(ledger.slots) + 2, 0
        while ledger.accepted < aim:
            rounds += 1
            assert rounds < 10 * aim, "a run stands still"
            self.staff()
            self.grant()
            for proc in list(self.procs.values()):
                self.confirm(proc)
                self.begin(proc)
                self.end(proc)
                while proc.under_way:
                    self.deliver(proc)
            self.check()
