"""The ledger whose stages see other frames, under every mixture of work and death; and proof that it would be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from pipeline.ledger import GrantTo, Lease, Ledger, StageRule
from pipeline.posts import Loan
from tests.ledger_world import World
from tests.loans_world import LoansWorld
from tests.test_ledger_machine import HUNT, SETTINGS, LedgerMachine
from tests.thorough import examples, rarely

IN, OUT = StageRule("in", ordered=True), StageRule("out", ordered=True)
LEARN = StageRule("learn", ordered=True, recalls_from="fill", lag=1)
TREES: list[list[StageRule]] = [
    [IN, LEARN, StageRule("fill"), OUT],
    [IN, replace(LEARN, lag=3, credits=2), StageRule("fill", credits=2), OUT],
    [IN, StageRule("find"), StageRule("track", ordered=True, later=2), OUT],
    [IN, StageRule("find"), replace(LEARN, lag=2, later=2, ahead=True), StageRule("fill", ahead=True), OUT],
    [IN, replace(LEARN, lag=3), StageRule("fill", ordered=True, later=2), OUT],
    [
        IN,
        replace(LEARN, lag=2),
        StageRule("fill"),
        OUT,
        StageRule("side", after="in", ordered=True, later=1),
        StageRule("side out", ordered=True),
    ],
]


class LoansMachine(LedgerMachine):
    around: ClassVar[type[World]] = LoansWorld
    trees: ClassVar[list[list[StageRule]]] = TREES


TestLoans = LoansMachine.TestCase
TestLoans.settings = settings(SETTINGS, max_examples=examples(120))


class KeepsNothing(Ledger):
    def _retire(self, number: int) -> None:
        self._release(number)


class KeepsForEver(Ledger):
    def _sweep(self) -> None:
        """Forgotten."""


class ForgetsWhatTheDeadWereLent(Ledger):
    def _call_in(self, lease: Lease, *, again: bool) -> None:
        if not again:
            super()._call_in(lease, again=again)


class WaitsForNothing(Ledger):
    def _awaits(self, stage: int, index: int) -> bool:
        return False


class WaitsForWhatIsGone(Ledger):
    def _recalled(self, stage: int, index: int) -> tuple[Loan, ...] | None:
        found = super()._recalled(stage, index)
        recall = self._recalls.get(stage)
        return None if found == () and recall and self.on_full == "block" and index >= recall.lag else found


class LendsWhatIsNotFinished(Ledger):
    def _recalled(self, stage: int, index: int) -> tuple[Loan, ...] | None:
        recall = self._recalls.get(stage)
        number = self.live.get(index - recall.lag) if recall else None
        return super()._recalled(stage, index) if number is None else (self.slots[number].loan(number),)


class LendsTheSameAgain(Ledger):
    def _lend(self, given: GrantTo) -> GrantTo:
        lent = super()._lend(given)
        for recall in self._recalls.values():
            recall.had = -1
        return lent


class JumpsOverLaterOnesUnderWay(Ledger):
    def _later(self, stage: int, index: int) -> tuple[Loan, ...] | None:
        post = self.posts[stage]
        ready = [number for later, number in sorted(post.ready.items()) if later > index][: post.rule.later]
        enough = len(ready) == post.rule.later or self.over
        return tuple(self.slots[number].loan(number) for number in ready) if enough else None


class WaitsForLaterOnesAtTheEnd(Ledger):
    over = False  # type: ignore[assignment]


class LetsTheSourceTakeWhatIsLent(Ledger):
    def _make_room(self) -> None:
        for number in self._unheld()[:1]:
            self._drop_everywhere(number)
        if not self.free and self.kept:
            self._release(self.kept.pop(min(self.kept)))


class NeverGivesUpWhatIsKept(Ledger):
    def _has_still_to_see(self, recall: object, index: int) -> bool:
        return True


MUTANTS = [
    KeepsNothing,
    KeepsForEver,
    *rarely(ForgetsWhatTheDeadWereLent),
    WaitsForNothing,
    *rarely(WaitsForWhatIsGone),
    LendsWhatIsNotFinished,
    *rarely(LendsTheSameAgain),
    JumpsOverLaterOnesUnderWay,
    WaitsForLaterOnesAtTheEnd,
    *rarely(LetsTheSourceTakeWhatIsLent),
    NeverGivesUpWhatIsKept,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_ledger_that_lends_wrongly_is_found_out(mutant: type[Ledger]) -> None:
    machine = type("Broken", (LoansMachine,), {"make": mutant})
    with pytest.raises((AssertionError, KeyError, ValueError)):
        run_state_machine_as_test(machine, settings=HUNT)
