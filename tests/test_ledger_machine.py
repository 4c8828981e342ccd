"""The ledger under every mixture of work, death, replay and nonsense; and proof that this test would see it break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.ledger import Lease, Ledger, StageRule, Verdict
from tests.ledger_world import Proc, World
from tests.ledgers import FORK, line
from tests.thorough import examples, rarely

TREES: list[list[StageRule]] = [
    line("a"),
    line("a", "b", ordered=("b",), credits=2),
    FORK,
    [
        StageRule("in", ordered=True),
        StageRule("a", ahead=True),
        StageRule("b", ordered=True, ahead=True),
        StageRule("out", ordered=True, ahead=True),
    ],
    [*FORK, StageRule("b", after="left", credits=2), StageRule("b out", ordered=True)],
]
PICK = st.integers(0, 10_000)
Who = Callable[[Proc], object]
SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=60, print_blob=True)


class LedgerMachine(RuleBasedStateMachine):
    """Chooses what happens next; the world knows what must hold."""

    make: ClassVar[type[Ledger]] = Ledger
    steal: ClassVar[bool] = False
    around: ClassVar[type[World]] = World
    trees: ClassVar[list[list[StageRule]]] = TREES
    world: World

    @initialize(
        tree=st.integers(0, 100),
        slots=st.integers(1, 5),
        on_full=st.sampled_from(["block", "drop_oldest"]),
        max_tries=st.integers(1, 3),
        generation=st.sampled_from([0, (1 << 32) - 3]),
    )
    def begin(self, tree: int, slots: int, on_full: Any, max_tries: int, generation: int) -> None:
        rules = self.trees[tree % len(self.trees)]
        lent = sum(rule.lag + rule.later for rule in rules)  # with fewer slots nothing could go on
        ledger = self.make(rules, slots + lent, on_full=on_full, max_tries=max_tries)
        for slot in ledger.slots:
            slot.generation = generation
        self.world = self.around(rules, ledger, self.steal)
        self.world.staff()

    def some(self, pick: int, able: Who = lambda _: True) -> list[Proc]:
        """One of the processes that can do it, in a list; or none."""
        procs = [proc for proc in self.world.procs.values() if able(proc)]
        return [procs[pick % len(procs)]] if procs else []

    @rule(rounds=st.integers(1, 4), slow=st.integers(0, 7))
    def everybody_works(self, rounds: int, slow: int) -> None:
        """All but one stage, mostly, which takes its time over what it holds."""
        for _ in range(rounds):
            self.work(lambda _: True, end=lambda proc: proc.stage != slow)

    @rule(who=st.integers(1, 1023), end=st.booleans(), deliver=st.booleans())
    def some_work(self, who: int, end: bool, deliver: bool) -> None:
        self.work(lambda proc: who >> proc.number % 10 & 1, end=lambda _: end, deliver=deliver)

    def work(self, who: Who, end: Who, deliver: bool = True) -> None:
        self.world.staff()
        self.world.grant()
        for proc in filter(who, list(self.world.procs.values())):
            self.world.begin(proc)
            if end(proc):
                self.world.end(proc)
            if deliver:
                self.world.deliver(proc)
        self.world.grant()

    @rule(pick=PICK, rounds=st.integers(1, 3))
    def one_fails_while_another_is_slow(self, pick: int, rounds: int) -> None:
        """The frame goes out blank, while a worker of another branch may still hold it."""
        self.work(lambda _: True, end=lambda _: False)
        self.fail_or_reject(pick, heard=True)
        self.everybody_works(rounds, slow=pick % len(self.world.rules))

    @rule(pick=PICK)
    def one_more_worker(self, pick: int) -> None:
        self.world.spawn(pick % len(self.world.rules))

    @rule(who=st.integers(0, 1023))
    def some_are_nearly_done(self, who: int) -> None:
        self.world.hurry = {number for number in self.world.procs if who >> number % 10 & 1}

    @rule(pick=PICK)
    def one_worker_fewer(self, pick: int) -> None:
        for proc in self.some(pick):
            self.world.dismiss(proc)

    @rule(pick=PICK)
    def one_cannot_be_killed(self, pick: int) -> None:
        for proc in self.some(pick, lambda proc: proc.alive and proc.owes):
            self.world.shut_in(proc)

    @rule(pick=PICK, on=st.booleans())
    def a_stage_pauses_or_goes_on(self, pick: int, on: bool) -> None:
        stage = pick % len(self.world.rules)
        self.world.go_on(stage) if on else self.world.pause(stage)

    @rule(pick=PICK, heard=st.booleans())
    def fail_or_reject(self, pick: int, heard: bool) -> None:
        for proc in self.some(pick, lambda proc: proc.touching and proc.stage not in self.world.sinks):
            self.world.end(proc, Verdict.FAILED if proc.stage else Verdict.REJECTED)
            while heard and proc.under_way:
                self.world.deliver(proc)

    @rule(pick=PICK, seen=st.booleans())
    def kill(self, pick: int, seen: bool) -> None:
        for proc in self.some(pick, lambda proc: proc.alive):
            self.world.kill(proc)
            self.world.confirm(proc) if seen else None

    @rule(pick=PICK)
    def confirm_death(self, pick: int) -> None:
        for proc in self.some(pick, lambda proc: not proc.alive):
            self.world.confirm(proc)

    @rule(pick=PICK)
    def silence(self, pick: int) -> None:
        for proc in self.some(pick, lambda proc: proc.alive):
            self.world.silence(proc)

    @rule(pick=PICK)
    def replay_old(self, pick: int) -> None:
        if self.world.said:
            self.world.hear(self.world.said[pick % len(self.world.said)])

    @rule(pick=PICK, near=st.integers(-2, 2), slot=st.integers(-1, 6), verdict=st.sampled_from(Verdict))
    def garbage(self, pick: int, near: int, slot: int, verdict: Verdict) -> None:
        """Somebody's lease in somebody else's name, or a generation that is not the right one."""
        world, (proc,) = self.world, self.some(pick)
        leases = [lease for s in world.ledger.slots for lease in s.leases.values()]
        if leases and slot % 2:
            lease = leases[pick % len(leases)]
            slot, near = lease.slot, lease.generation + near
        if not any((given.slot, given.generation) == (slot, near) for given in proc.owes):
            world.hear((proc.number, slot, near, verdict, 0))

    @invariant()
    def all_adds_up(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.drain()


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(SETTINGS, max_examples=examples(500))


class NoGenerationCheck(Ledger):
    def _lease(self, worker: int, slot: int, generation: int) -> Lease | None:
        held = [lease for lease in self.held(worker) if lease.slot == slot]
        return held[0] if held else None


class NoIncarnationCheck(Ledger):
    def _lease(self, worker: int, slot: int, generation: int) -> Lease | None:
        leases = self.slots[slot].leases.values() if 0 <= slot < len(self.slots) else ()
        return next((lease for lease in leases if lease.generation == generation), None)


class LosesTheLeasesOfTheDead(Ledger):
    def died(self, worker: int) -> list[int]:
        if worker in self._post_of:
            del self.posts[self._post_of.pop(worker)].workers[worker]
        return []


class BlamesNobody(Ledger):
    def _give_back(self, lease: Lease, *, blame: bool) -> bool:
        return super()._give_back(lease, blame=False)


class BlamesEveryFrame(Ledger):
    def _give_back(self, lease: Lease, *, blame: bool) -> bool:
        return super()._give_back(lease, blame=True)


class NeverGoesBack(Ledger):
    def _give_back(self, lease: Lease, *, blame: bool) -> bool:
        cursor = self.posts[lease.stage].cursor
        blanked = super()._give_back(lease, blame=blame)
        self.posts[lease.stage].cursor = cursor
        return blanked


class FreesWhatIsStillHeld(Ledger):
    def _make_blank(self, number: int) -> None:
        for lease in list(self.slots[number].leases.values()):
            self._end(lease)
        super()._make_blank(number)


class ForgetsToSettleABlank(Ledger):
    def _fail(self, number: int, stage: int) -> None:
        slot = self.slots[number]
        slot.todo.discard(stage)
        if slot.todo or slot.leases:
            self._make_blank(number)


class JumpsOverFramesUnderWay(Ledger):
    def _in_order(self, stage: int) -> int | None:
        return self._any(stage)


class DropsInOneBranchOnly(Ledger):
    def _drop_everywhere(self, number: int) -> None:
        self._drop(number, min(self.slots[number].todo))


class CountsGenerationsAnew(Ledger):
    def _release(self, number: int) -> None:
        super()._release(number)
        self.slots[number].generation = 0


class ShowsFailedFrames(Ledger):
    def _fail(self, number: int, stage: int) -> None:
        self._pass_on(number, stage)


class GrantsToThoseWhoLeave(Ledger):
    def leave(self, worker: int) -> None:
        """Forgotten at once."""


class TakesTheSlotFromItsOtherReaders(Ledger):
    def died(self, worker: int) -> list[int]:
        for lease in list(self.held(worker)):
            for other in list(self.slots[lease.slot].leases.values()):
                if other is not lease:
                    self.posts[other.stage].workers[other.worker].remove(other)
                    self._give_back(other, blame=False)
        return super().died(worker)


class FreesTheSlotWhenOneBranchIsDone(Ledger):
    def _pass_on(self, number: int, stage: int) -> None:
        super()._pass_on(number, stage)
        slot = self.slots[number]
        if not self.posts[stage].children and slot.todo and not slot.leases:
            for rest in slot.todo:
                self.posts[rest].ready.pop(slot.index, None)
            slot.todo.clear()
            self._settle(number)


class FreesWhatTheUndeadHold(Ledger):
    def _release(self, number: int) -> None:
        self.slots[number].leases = {}
        super()._release(number)


class HearsTheUndead(Ledger):
    def _lease(self, worker: int, slot: int, generation: int) -> Lease | None:
        lease = self.slots[slot].leases.get(self._post_of.get(worker, -1)) if 0 <= slot < len(self.slots) else None
        return lease if lease and lease.worker == worker and lease.generation == generation else None


class KeepsTheSlotsOfTheUndeadForEver(Ledger):
    def _free_at_last(self, lease: Lease) -> None:
        """Forgotten."""


class NeverGoesOnAfterAPause(Ledger):
    def release(self, stage: int) -> None:
        """Forgotten."""


MUTANTS = [
    TakesTheSlotFromItsOtherReaders,
    FreesTheSlotWhenOneBranchIsDone,
    GrantsToThoseWhoLeave,
    FreesWhatTheUndeadHold,
    HearsTheUndead,
    KeepsTheSlotsOfTheUndeadForEver,
    NeverGoesOnAfterAPause,
    NoGenerationCheck,
    NoIncarnationCheck,
    LosesTheLeasesOfTheDead,
    BlamesNobody,
    pytest.param(BlamesEveryFrame, marks=pytest.mark.long),  # a quarter of one
    NeverGoesBack,
    FreesWhatIsStillHeld,
    pytest.param(ForgetsToSettleABlank, marks=pytest.mark.long),  # found as surely, a minute later
    JumpsOverFramesUnderWay,
    *rarely(DropsInOneBranchOnly),
    CountsGenerationsAnew,
    ShowsFailedFrames,
]
HUNT = settings(
    SETTINGS, max_examples=3000, phases=(Phase.generate,), database=None, derandomize=True, report_multiple_bugs=False
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_ledger_is_found_out(mutant: type[Ledger]) -> None:
    machine = type("Broken", (LedgerMachine,), {"make": mutant})
    with pytest.raises((AssertionError, KeyError, ValueError)):
        run_state_machine_as_test(machine, settings=HUNT)


def test_a_supervisor_that_takes_leases_back_from_the_living_is_found_out() -> None:
    machine = type("Thief", (LedgerMachine,), {"steal": True})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=HUNT)
