"""Witness: a ledger that tells of each frame as it gets its fate, while what lies in its slot is still its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from pipeline.config import Plan
from pipeline.ledger import Ledger, Verdict
from pipeline.posts import Slot

Told = Callable[[int, Slot, str, str, Sequence[str]], None]
"""A slot's number, what is known of its frame, the fate, the stage at which it was dropped, and those it did not reach
though it came out elsewhere."""


class Witness(Ledger):
    """Decides as any ledger does. `told` must not raise, and takes nothing of the slot along; None: nobody asks."""

    told: Told | None = None

    @classmethod
    def of(cls, plan: Plan, limit: int | None) -> Self:
        """The ledger of a run of this plan."""
        return cls(plan.rules, plan.slots, on_full=plan.on_full, max_tries=plan.config.max_tries, limit=limit)

    def _settle(self, number: int) -> None:
        slot = self.slots[number]
        super()._settle(number)  # which only another grant follows: nobody writes into the slot before this returns
        if self.told is None or slot.index < 0 or slot.index in self.live:
            return
        names = [self.posts[stage].rule.name for stage in slot.dropped_at]
        if slot.blank and (slot.shown or slot.withheld):
            self.told(number, slot, "blanked", "", () if slot.shown else names)
        elif slot.shown:
            self.told(number, slot, "output", "", names)
        else:
            self.told(number, slot, "dropped", names[-1] if names else "", ())

    def _accept(self, number: int, verdict: Verdict, *facts: Any) -> None:
        index = self.accepted
        super()._accept(number, verdict, *facts)
        if self.told is not None and verdict is not Verdict.DONE:
            self.told(number, Slot(index=index, pts=facts[0] if facts else 0), "rejected", "", ())
