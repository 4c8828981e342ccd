"""Ledger: who owns which slot, what is granted next, and the fate of every frame. No clock, no socket, no process.

A frame's way: FREE -grant-> source -commit-> ready for the next stage -grant-> a worker -commit-> ... -> FREE.
A lease ends by the commit of the very incarnation that holds it, with the very generation it was granted with, or by
that incarnation's confirmed death; then the frame goes back to where it was. Nothing is ever taken back on suspicion.
Stages form a tree (`after`); a slot is free again when every leaf has let it go.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

from pipeline.loans import Loans
from pipeline.posts import LIVES, GrantTo, Lease, StageRule, Verdict

__all__ = ["GrantTo", "Lease", "Ledger", "StageRule", "Verdict"]


class Ledger(Loans):
    """The one place that knows who owns what. `limit`: accept so many frames and no more."""

    def __init__(
        self,
        stages: Sequence[StageRule],
        slots: int,
        *,
        on_full: Literal["block", "drop_oldest"] = "block",
        max_tries: int = 3,
        limit: int | None = None,
    ) -> None:
        super().__init__(stages, slots, on_full=on_full, limit=limit)
        self.max_tries = max_tries
        self.stale = 0
        self.life = 0  # of the source's input: it is another one after each time that it was lost
        self._post_of: dict[int, int] = {}

    # Workers come and go

    def joined(self, stage: int, worker: int) -> None:
        """A new incarnation is ready to work."""
        if worker not in self._post_of:
            self.posts[stage].workers[worker] = []
            self._post_of[worker] = stage

    def died(self, worker: int) -> list[int]:
        """Its death is confirmed: what it held goes back. The oldest frame it held is the one to blame.

        Returns the slots of frames that have used up their tries and were made blank."""
        if worker not in self._post_of:
            return []
        post = self.posts[self._post_of.pop(worker)]
        post.leaving.discard(worker)
        blanked = []
        for at, lease in enumerate(post.workers.pop(worker)):
            if lease.stuck:
                self._free_at_last(lease)
            elif self._give_back(lease, blame=at == 0):
                blanked.append(lease.slot)
        return blanked

    def leave(self, worker: int) -> None:
        """It is granted nothing more; what it holds it may finish."""
        if worker in self._post_of:
            self.posts[self._post_of[worker]].leaving.add(worker)

    def quarantine(self, worker: int) -> list[int]:
        """It was killed and does not die (its driver never returns, say): it may write what it holds for ever.

        Nobody else touches those slots until it is dead; their frames go out blank. Returns the slots made blank."""
        if worker not in self._post_of:
            return []
        self.leave(worker)
        blanked = []
        for lease in self.held(worker):
            if not lease.stuck and self._shut_in(lease):
                blanked.append(lease.slot)
        return blanked

    # Stages that pause

    def hold(self, stage: int) -> None:
        """Grant this stage nothing until as many calls of `release` as there were of this."""
        self.posts[stage].holds += 1

    def release(self, stage: int) -> None:
        self.posts[stage].holds -= 1

    def at_rest(self, stage: int) -> bool:
        """Whether nobody of this stage holds a frame."""
        return not self.posts[stage].busy

    # Frames move

    def committed(
        self, worker: int, slot: int, generation: int, verdict: Verdict, pts: int = 0, duration: int = 0,
        fresh: bool = False,
    ) -> Lease | None:  # fmt: skip
        """A worker ends a lease. What does not match a lease of a living incarnation is dropped and counted: None.

        `fresh`: the source had lost its input since the frame before."""
        lease = self._lease(worker, slot, generation)
        if lease is None:
            self.stale += 1
            return None
        if verdict is Verdict.RETURNED:
            self.posts[lease.stage].workers[worker].remove(lease)
            self._give_back(lease, blame=False)
            return lease
        self._end(lease)
        if lease.stage == 0:
            self._accept(slot, verdict, pts, duration, fresh)
        elif verdict is Verdict.FAILED:
            self._fail(slot, lease.stage)
        else:
            self._pass_on(slot, lease.stage)
        return lease

    def grants(self, nearly_done: Container[int] = ()) -> list[GrantTo]:
        """Everything that can be granted now, and is from now on. `nearly_done`: workers that need their next frame."""
        given: list[GrantTo] = []
        if self.kept and (self.passed or not self.intake_open):
            self._sweep()
        for stage in range(len(self.posts) - 1, -1, -1):
            post = self.posts[stage]
            if post.holds or not post.workers or (stage and not post.ready):
                continue
            while (worker := post.idle(nearly_done)) is not None:
                slot = self._next_free() if stage == 0 else self._next_ready(stage)
                if slot is None:
                    break
                grant = self.slots[slot].grant(slot, stage, worker)
                given.append(self._lend(grant) if post.borrows else grant)
                post.workers[worker].append(self.slots[slot].leases[stage])
        return given

    def close_intake(self) -> None:
        """Grant nothing more to the source."""
        self.intake_open = False

    def abandon(self) -> None:
        """Give up every frame that nobody holds: it is dropped where it waits."""
        self.close_intake()
        for number in self._unheld():
            self._drop_everywhere(number)

    # What is true at every moment

    def held(self, worker: int) -> list[Lease]:
        """The leases of a worker, oldest first."""
        stage = self._post_of.get(worker)
        return [] if stage is None else self.posts[stage].workers[worker]

    # Inside

    def _lease(self, worker: int, slot: int, generation: int) -> Lease | None:
        stage = self._post_of.get(worker)
        if stage is None or not 0 <= slot < len(self.slots):
            return None
        lease = self.slots[slot].leases.get(stage)
        known = lease and lease.worker == worker and lease.generation == generation and not lease.stuck
        return lease if known else None

    def _end(self, lease: Lease) -> None:
        if self.posts[lease.stage].borrows:
            self._call_in(lease, again=False)
        del self.slots[lease.slot].leases[lease.stage]
        self.posts[lease.stage].workers[lease.worker].remove(lease)

    def _next_free(self) -> int | None:
        if not self.intake_open:
            return None
        under_way = sum(not lease.stuck for held in self.posts[0].workers.values() for lease in held)
        if self.limit is not None and self.accepted + under_way >= self.limit:
            return None
        if not self.free and self.on_full == "drop_oldest":
            self._make_room()
        return self.free.pop() if self.free else None

    def _next_ready(self, stage: int) -> int | None:
        post = self.posts[stage]
        chosen = self._in_order(stage) if post.rule.ordered else self._any(stage)
        if chosen is None or (post.borrows and self._awaits(stage, chosen)):
            return None
        return post.take(chosen)

    def _any(self, stage: int) -> int | None:
        ready = self.posts[stage].ready
        if not ready:
            return None
        if self.on_full == "block":
            return min(ready)
        *older, newest = sorted(ready)
        for index in older:
            self._drop(ready[index], stage)
        return newest

    def _in_order(self, stage: int) -> int | None:
        post = self.posts[stage]
        chosen: int | None = None
        while True:
            self._skip_settled(stage)
            if post.cursor not in post.ready:
                return chosen
            if chosen is not None:  # drop_oldest: a newer one is ready, with none missing between
                self._drop(post.ready[chosen], stage)
            chosen = post.cursor
            if self.on_full == "block" or post.rule.later:
                return chosen
            post.cursor += 1

    def _accept(self, number: int, verdict: Verdict, pts: int, duration: int, fresh: bool) -> None:
        slot = self.slots[number]
        index = self.accepted
        self.accepted += 1
        self.life = (self.life + fresh) % LIVES
        if verdict is not Verdict.DONE:
            self.fates["rejected"] += 1
            self._release(number)
            return
        slot.index, slot.pts, slot.duration, slot.stamp = index, pts, duration, slot.generation
        slot.life = self.life
        slot.todo = set(range(1, len(self.posts)))
        self.live[index] = number
        for child in self.posts[0].children:
            self.posts[child].ready[index] = number

    def _pass_on(self, number: int, stage: int) -> None:
        slot, post = self.slots[number], self.posts[stage]
        slot.todo.discard(stage)
        if post.recalled:
            self._finished(number, stage)
        if slot.blank and post.rule.withholds:
            slot.withheld = True
            self._settle(number)
            return
        post.commits += 1
        if not post.children:
            slot.shown = True
        elif not slot.blank:
            for child in post.children:
                self.posts[child].ready[slot.index] = number
        self._settle(number)

    def _fail(self, number: int, stage: int) -> None:
        slot = self.slots[number]
        if self.posts[stage].children:
            slot.todo.discard(stage)
            self._doubt(number, stage, "failed")
            self._make_blank(number)
        else:
            self._drop(number, stage)

    def _give_back(self, lease: Lease, *, blame: bool) -> bool:
        slot, post = self.slots[lease.slot], self.posts[lease.stage]
        self._call_in(lease, again=True)
        del slot.leases[lease.stage]
        if lease.stage == 0:
            self._release(lease.slot)
            return False
        if slot.blank and post.children:  # its blank has gone ahead: nobody waits for this any more
            slot.todo.discard(lease.stage)
            self._settle(lease.slot)
            return False
        post.put_back(slot.index, lease.slot)
        slot.tries += blame
        if slot.blank and slot.tries >= 2 * self.max_tries:  # even its blank kills this sink
            self._drop(lease.slot, lease.stage)
        if slot.blank or slot.tries < self.max_tries:
            return False
        self._doubt(lease.slot, lease.stage, "died")
        self._make_blank(lease.slot)
        return True

    def _shut_in(self, lease: Lease) -> bool:
        """Keep the slot of a worker that does not die from everybody; whether its frame is a blank from now on."""
        lease.stuck = True
        self._call_in(lease, again=False)
        slot, post = self.slots[lease.slot], self.posts[lease.stage]
        if lease.stage == 0:
            self._release(lease.slot)
            return False
        if not post.children:
            self._drop(lease.slot, lease.stage)
            return False
        slot.todo.discard(lease.stage)
        was_blank = slot.blank
        self._doubt(lease.slot, lease.stage, "hung")
        self._make_blank(lease.slot)
        return not was_blank

    def _free_at_last(self, lease: Lease) -> None:
        del self.slots[lease.slot].leases[lease.stage]
        if lease.slot in self.quarantined and not self.slots[lease.slot].leases:
            self.quarantined.discard(lease.slot)
            self.free.append(lease.slot)
