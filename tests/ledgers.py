"""Ledgers with make-believe workers, who do only what a test tells them."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

from pipeline.ledger import GrantTo, Lease, Ledger, StageRule, Verdict


def line(*middle: str, ordered: tuple[str, ...] = (), credits: int = 1) -> list[StageRule]:
    """in -> middle stages -> out; source and sink are ordered, as they always are."""
    names = ("in", *middle, "out")
    return [StageRule(name, None, name in ("in", "out", *ordered), credits) for name in names]


FORK = [
    StageRule("in", ordered=True),
    StageRule("left"),
    StageRule("left out", ordered=True),
    StageRule("right", after="in"),
    StageRule("right out", ordered=True),
]


def check_sums(ledger: Ledger) -> None:
    """What must hold at every moment."""
    at_source = {lease.slot for leases in ledger.posts[0].workers.values() for lease in leases if not lease.stuck}
    under_way = set(ledger.live.values())
    assert ledger.balanced
    assert sum(ledger.dropped.values()) == ledger.fates["dropped"]
    groups = (set(ledger.free), under_way, at_source, ledger.quarantined, set(ledger.kept.values()))
    assert sum(map(len, groups)) == len(ledger.slots) == len(set().union(*groups)), "a slot has leaked"
    assert len(ledger.free) == len(set(ledger.free))


class Play:
    """Every stage has one worker, called like the stage, unless the test staffs it itself."""

    def __init__(self, rules: list[StageRule], slots: int = 4, *, unstaffed: tuple[str, ...] = (), **options: Any):
        self.ledger = Ledger(rules, slots, **options)
        self.stages = {rule.name: at for at, rule in enumerate(rules)}
        self.numbers: dict[str, int] = {}
        self.held: dict[str, deque[GrantTo]] = {}
        self._number = itertools.count(1)
        for name in self.stages:
            if name not in unstaffed:
                self.join(name, name)

    def join(self, stage: str, worker: str) -> None:
        self.numbers[worker] = next(self._number)
        self.held[worker] = deque()
        self.ledger.joined(self.stages[stage], self.numbers[worker])

    def grant(self) -> dict[str, list[int]]:
        """Let the ledger grant what it can: the frame indices each worker got (-1 from a source)."""
        names = {number: worker for worker, number in self.numbers.items()}
        got: dict[str, list[int]] = {}
        for given in self.ledger.grants():
            self.held[names[given.worker]].append(given)
            got.setdefault(names[given.worker], []).append(given.index)
        check_sums(self.ledger)
        return got

    def commit(self, *workers: str, verdict: Verdict = Verdict.DONE, pts: int = 0, duration: int = 0) -> Lease | None:
        """These workers end the oldest lease that each holds."""
        lease = None
        for worker in workers:
            given = self.held[worker].popleft()
            lease = self.ledger.committed(
                self.numbers[worker], given.slot, given.generation, verdict, pts=pts, duration=duration
            )
            check_sums(self.ledger)
        return lease

    def bring(self, count: int) -> None:
        """The source brings so many frames; nobody else does anything."""
        for _ in range(count):
            self.grant()
            self.commit("in")

    def die(self, worker: str) -> list[int]:
        self.held.pop(worker)
        blanked = self.ledger.died(self.numbers.pop(worker))
        check_sums(self.ledger)
        return blanked

    def pass_on(self, worker: str, count: int = 1) -> list[int]:
        """A worker commits so many frames, one after the other; their indices."""
        indices = []
        for _ in range(count):
            self.grant()
            indices.append(self.held[worker][0].index)
            self.commit(worker)
        return indices

    def finish(self) -> None:
        """No more comes in; everybody works until nothing is under way."""
        self.ledger.close_intake()
        for worker in list(self.held):
            if self.ledger.held(self.numbers[worker]) and self.ledger.held(self.numbers[worker])[0].stage == 0:
                while self.held[worker]:
                    self.commit(worker, verdict=Verdict.RETURNED)
        while self.grant() or any(self.held.values()):
            self.commit(*(worker for worker, granted in self.held.items() if granted))
        assert self.ledger.idle
        assert sorted(self.ledger.free) == list(range(len(self.ledger.slots)))

    @property
    def fates(self) -> dict[str, int]:
        return {fate: number for fate, number in self.ledger.fates.items() if number}
