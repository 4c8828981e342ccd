"""Fates: the slots of a run, which frame lies in which, and what became of every accepted frame. Grants nothing.

Every frame ends as exactly one of output, blanked, dropped at a stage, or rejected, and the sums agree at every moment.
A blanked one came out as a blank, or not at all where no blank is let out; which is counted beside, and so is why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.posts import Slot, StageRule, tree


class Fates:
    """Frames under way, free slots, and the count of what has ended."""

    def __init__(self, stages: Sequence[StageRule], slots: int) -> None:
        self.posts = tree(stages)
        self.slots = [Slot() for _ in range(slots)]
        self.free = list(range(slots - 1, -1, -1))
        self.live: dict[int, int] = {}  # frame index -> slot
        self.quarantined: set[int] = set()  # slots that somebody may still write who can neither answer nor die
        self.accepted = 0
        self.fates: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.blanks: Counter[str] = Counter()  # of the blanked ones: at which stage, and how
        self.withheld = 0  # of the blanked ones: came out nowhere, not even as a blank
        self.missed: Counter[str] = Counter()  # by stage, frames that went out elsewhere and were dropped here

    @property
    def idle(self) -> bool:
        """No frame is under way."""
        return not self.live

    @property
    def balanced(self) -> bool:
        """Every accepted frame has exactly one fate or is under way."""
        return self.accepted == sum(self.fates.values()) + len(self.live)

    @property
    def shut(self) -> int:
        """How many slots are held by somebody who does not die, with a frame under way or without."""
        return sum(any(lease.stuck for lease in slot.leases.values()) for slot in self.slots)

    # Inside

    def _doubt(self, number: int, stage: int, how: str) -> None:
        """Remember why this frame goes out blank: for the first reason that there was."""
        self.slots[number].why = self.slots[number].why or f"{self.posts[stage].rule.name}: {how}"

    def _make_blank(self, number: int) -> None:
        """Nobody can vouch for this frame: it goes straight to the sinks, as a blank."""
        slot = self.slots[number]
        slot.blank = True
        for stage in sorted(slot.todo - slot.leases.keys()):
            post = self.posts[stage]
            if post.children:
                slot.todo.discard(stage)
                post.ready.pop(slot.index, None)
            else:
                post.ready[slot.index] = number
        self._settle(number)

    def _skip_settled(self, stage: int) -> None:
        """Move an ordered stage past frames that will never come to it."""
        post = self.posts[stage]
        while post.cursor < self.accepted:
            slot = self.live.get(post.cursor)
            if slot is not None and stage in self.slots[slot].todo:
                return
            post.cursor += 1

    def _unheld(self) -> list[int]:
        """The slots of frames that only wait, oldest first."""
        return [self.live[index] for index in sorted(self.live) if not self.slots[self.live[index]].leases]

    def _drop_everywhere(self, number: int) -> None:
        slot = self.slots[number]
        while slot.todo:
            self._drop(number, min(slot.todo))

    def _drop(self, number: int, stage: int) -> None:
        slot = self.slots[number]
        for gone in self.posts[stage].below & slot.todo:
            self.posts[gone].ready.pop(slot.index, None)
            slot.todo.discard(gone)
        slot.dropped_at.append(stage)
        self._settle(number)

    def _settle(self, number: int) -> None:
        """Write down the fate of a frame that no stage waits for any more, and free its slot."""
        slot = self.slots[number]
        if slot.todo or slot.held:
            return
        if slot.shown or slot.withheld:
            self.fates["blanked" if slot.blank else "output"] += 1
            self.blanks.update([slot.why] if slot.blank else ())
            self.withheld += not slot.shown
            self.missed.update(self.posts[stage].rule.name for stage in slot.dropped_at)
        else:
            self.fates["dropped"] += 1
            self.dropped[self.posts[slot.dropped_at[-1]].rule.name] += 1
        del self.live[slot.index]
        self._retire(number)

    def _retire(self, number: int) -> None:
        """Its frame has its fate."""
        self._release(number)

    def _release(self, number: int) -> None:
        slot = self.slots[number]
        self.slots[number] = Slot(generation=slot.generation, leases=slot.leases)
        if slot.leases:
            self.quarantined.add(number)
        else:
            self.free.append(number)
