"""Loans: the frames that a stage sees beside its own, and the slots that are kept until it has seen them.

A stage that recalls sees an earlier frame as its *finisher*, a stage further on, has left it. When that frame has its
fate, its slot is kept until the recalling stage is past the frame that goes with it. Where nobody waits (drop_oldest)
that is the newest finished frame that it has not had, if there is one. A stage that looks ahead gets a frame when those
that follow wait for it too. Whatever is lent is read only, and its slot is nobody else's until the lease ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.fates import Fates
from pipeline.posts import GrantTo, Lease, Loan, Slot, StageRule


@dataclass
class Recall:
    """What one stage sees of finished frames. `newest`, `had`: frame indices, for where nobody waits."""

    stage: int
    finisher: int
    lag: int
    newest: int = -1
    had: int = -1


class Loans(Fates):
    """Fates, and what is lent beside them."""

    def __init__(
        self, stages: Sequence[StageRule], slots: int, *, on_full: Literal["block", "drop_oldest"], limit: int | None
    ) -> None:
        super().__init__(stages, slots)
        self.on_full = on_full
        self.limit = limit
        self.intake_open = True
        self.kept: dict[int, int] = {}  # frame index -> slot: it has its fate, and somebody still sees it
        self.passed = False  # since the last look at what is kept, somebody has gone on who may have wanted it
        self.readers: Counter[int] = Counter()  # slot -> leases that see it beside their own
        self._recalls: dict[int, Recall] = {}
        places = {rule.name: at for at, rule in enumerate(stages)}
        for at, (rule, post) in enumerate(zip(stages, self.posts, strict=True)):
            post.borrows = rule.recalls_from is not None or rule.later > 0
            if rule.recalls_from is not None:
                self._recalls[at] = Recall(at, places[rule.recalls_from], rule.lag)
                self.posts[places[rule.recalls_from]].recalled = True

    @property
    def full(self) -> bool:
        """As many frames were accepted as were wanted."""
        return self.limit is not None and self.accepted >= self.limit

    @property
    def over(self) -> bool:
        """No frame will be accepted any more."""
        return (self.full or not self.intake_open) and not self.posts[0].busy

    @property
    def starved(self) -> bool:
        """Those who do not die hold more than half of the slots, or so many that what is left is all lent."""
        lent = sum(post.rule.lag + post.rule.later for post in self.posts)
        return self.shut > 0 and len(self.slots) - self.shut < max(len(self.slots) / 2, lent + 1)

    # Inside: lending

    def _awaits(self, stage: int, index: int) -> bool:
        """Whether something is still to come that this stage must see with this frame."""
        return self._recalled(stage, index) is None or self._later(stage, index) is None

    def _lend(self, given: GrantTo) -> GrantTo:
        """The same grant, with what its worker sees beside that frame."""
        finished, later = self._recalled(given.stage, given.index), self._later(given.stage, given.index)
        lease = self.slots[given.slot].leases[given.stage]
        lease.finished, lease.later = next(iter(finished or ()), None), later or ()
        self.readers.update(loan.slot for loan in _loans(lease))
        if lease.finished:
            self._recalls[given.stage].had = lease.finished.index
        return replace(given, finished=lease.finished, later=lease.later)

    def _call_in(self, lease: Lease, *, again: bool) -> None:
        """A lease has ended. `again`: its frame will be done once more, with the same beside it."""
        self.passed = True
        for loan in _loans(lease):
            self.readers[loan.slot] -= 1
            if not self.readers[loan.slot]:
                del self.readers[loan.slot]
        if lease.finished and again:
            recall = self._recalls[lease.stage]
            recall.had = min(recall.had, lease.finished.index - 1)
        lease.finished, lease.later = None, ()

    def _recalled(self, stage: int, index: int) -> tuple[Loan, ...] | None:
        """The finished frame that goes with this one, if there is one; None: it is not finished yet."""
        recall = self._recalls.get(stage)
        if recall is None:
            return ()
        wanted = index - recall.lag if self.on_full == "block" else max(recall.newest, recall.had)
        if self.on_full == "drop_oldest" and wanted == recall.had:
            return ()
        number = self.live.get(wanted, self.kept.get(wanted))
        if number is None:
            return ()
        slot = self.slots[number]
        if recall.finisher in slot.finished:
            return (slot.loan(number),)
        return None if recall.finisher in slot.todo else ()

    def _later(self, stage: int, index: int) -> tuple[Loan, ...] | None:
        """The frames that follow this one, as many as are wanted, fewer at the end; None: they are not there yet.

        Where frames wait for each other none beyond the wanted number is looked at, also for one that is gone: between
        stages that recall, to wait for one more would be to wait for ever."""
        post = self.posts[stage]
        most, waiting = post.rule.later, self.on_full == "block"
        if waiting and most and index + most >= self.accepted and not self.over:
            return None
        found: list[Loan] = []
        for later in range(index + 1, index + 1 + most) if waiting else (list(self.live) if most else ()):
            number = self.live.get(later, -1)
            if later <= index or number < 0 or stage not in self.slots[number].todo:
                continue
            if later not in post.ready:
                return None
            found.append(self.slots[number].loan(number))
            if len(found) == most:
                break
        return tuple(found) if waiting or len(found) == most or self.over else None

    # Inside: keeping

    def _finished(self, number: int, stage: int) -> None:
        """A stage has left a frame as others recall it."""
        self.passed = True
        slot = self.slots[number]
        slot.finished |= {stage}
        for recall in self._recalls.values():
            if recall.finisher == stage:
                recall.newest = max(recall.newest, slot.index)

    def _retire(self, number: int) -> None:
        slot = self.slots[number]
        if number in self.readers or self._is_wanted(slot):
            self.kept[slot.index] = number
        else:
            self._release(number)

    def _sweep(self) -> None:
        """Free what is kept for nobody any more."""
        self.passed = False
        for stage in self._recalls:
            self._skip_settled(stage)
        for index, number in list(self.kept.items()):
            if number not in self.readers and not self._is_wanted(self.slots[number]):
                del self.kept[index]
                self._release(number)

    def _is_wanted(self, slot: Slot) -> bool:
        """Whether somebody will be lent this frame, or may be."""
        return any(
            recall.finisher in slot.finished and self._has_still_to_see(recall, slot.index)
            for recall in self._recalls.values()
        )

    def _has_still_to_see(self, recall: Recall, index: int) -> bool:
        if self.on_full == "drop_oldest":
            return recall.newest == index > recall.had and not self.over
        due = index + recall.lag
        return due >= self._next_of(recall.stage) and not (self.over and due >= self.accepted)

    def _next_of(self, stage: int) -> int:
        """The smallest frame index that an ordered stage may still commit."""
        post = self.posts[stage]
        held = [self.slots[lease.slot].index for of in post.workers.values() for lease in of if not lease.stuck]
        return min(held, default=post.cursor)

    def _make_room(self) -> None:
        """A live source needs a slot: what has waited longest is dropped; what another stage needs to see goes last."""
        waiting = [number for number in self._unheld() if number not in self.readers]
        needed = self._windows()
        spare = [number for number in waiting if number not in needed and not self._is_wanted(self.slots[number])]
        for number in spare[:1]:
            self._drop_everywhere(number)
        if not self.free and self._recalls:
            for recall in self._recalls.values():
                recall.had = max(recall.had, recall.newest)
            self._sweep()
            for number in [number for number in waiting if number not in needed][: not self.free]:
                self._drop_everywhere(number)

    def _windows(self) -> set[int]:
        """The slots of the newest frames that wait for stages that look ahead: without them those never go on."""
        looking = [post for post in self.posts if post.rule.later]
        return {post.ready[at] for post in looking for at in sorted(post.ready)[-1 - post.rule.later :]}


def _loans(lease: Lease) -> tuple[Loan, ...]:
    return (lease.finished, *lease.later) if lease.finished else lease.later
