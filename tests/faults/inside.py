"""A run in the test's own process, so that a test can look at its books and act between two turns of its loop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline.config import load_config
from pipeline.crew import Member
from pipeline.run import Result, run_plan
from pipeline.supervisor import Supervisor
from tests.faults.health import Vitals, assert_status_is_true, assert_truthful, assert_untorn
from tests.runs import ROOT

PATIENCE = 60.0  # seconds until a run of a test is taken for stuck


class Inside:
    """Runs a configuration to its end and checks what is left of it.

    `act` is called after every turn of the loop; it may change the supervisor's world."""

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        act: Callable[[Inside], None] = lambda _: None,
        *,
        sets: tuple[str, ...] = (),
    ) -> None:
        self.output = folder / "out.txt"
        path = folder / "toy.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        os.environ["PYTHONPATH"] = str(ROOT)
        self.supervisor: Supervisor
        self._act = act
        self._began, self._turns = time.monotonic(), 0
        self.owned: dict[int, Member] = {}  # every worker there has been
        before = Vitals.of(os.getpid())
        self.result: Result = run_plan(load_config(str(path), sets=sets), tick=self._tick)
        self._check_end(before)

    def _tick(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        assert time.monotonic() < self._began + PATIENCE, "the run is stuck"
        self._check_leases()
        self._turns += 1
        if self._turns % 10 == 0:
            assert_status_is_true(supervisor.status(), {one.process.pid for one in supervisor.crew.members.values()})
        self._act(self)

    def _check_leases(self) -> None:
        """Whoever holds a slot is on the books; whoever has left them is dead."""
        crew, ledger = self.supervisor.crew, self.supervisor.ledger
        assert ledger.balanced
        self.owned.update(crew.members)
        for slot in ledger.slots:
            for lease in slot.leases.values():
                assert lease.worker in crew.members
        for number in self.owned.keys() - crew.members.keys():
            assert self.owned[number].process.dead

    def _check_end(self, before: Vitals) -> None:
        ledger = self.supervisor.ledger
        if self.result.report["result"].startswith("completed"):
            # A source that has just brought its last frame may have been granted one more: it goes with the run.
            ahead = [number for number, slot in enumerate(ledger.slots) if slot.leases.keys() == {0}]
            assert sorted(ledger.free + ahead) == list(range(len(ledger.slots))), "a slot is not free"
        assert all(member.process.dead for member in self.owned.values())
        after = Vitals.of(os.getpid())
        assert after.no_more_than(before), (before, after)
        assert_truthful(self.result.code, self.result.report)
        assert_untorn(self.lines())

    def workers(self, stage: str) -> list[Member]:
        """Those of a stage that can be granted frames."""
        names = [built.name for built in self.supervisor.plan.stages]
        return [one for one in self.supervisor.crew.of(names.index(stage)) if one.state == "ready"]

    def holds(self, member: Member) -> int:
        return len(self.supervisor.ledger.held(member.incarnation))

    def lines(self) -> list[list[int]]:
        """What Lines wrote: index, time stamp, blank, whole, mask."""
        return [[int(word) for word in line.split()] for line in self.output.read_text().splitlines()]
