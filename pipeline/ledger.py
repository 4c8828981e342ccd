"""Ledger: who owns which slot, what is granted next, and the fate of every frame. No clock, no socket, no process.

A frame's way: FREE -grant-> source -commit-> ready for the next stage -grant-> a worker -commit-> ... -> FREE.
A lease ends by the commit of the very incarnation that holds it, with the very generation it was granted with, or by
that incarnation's confirmed death; then the frame goes back to where it was. Nothing is ever taken back on suspicion.
Stages form a tree (`after`); a slot is free again when every leaf has let it go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

GENERATIONS = 1 << 32


class Verdict(IntEnum):
    """How a worker ends a lease."""

    DONE = 0
    FAILED = 1  # the stage raised: nobody vouches for this frame, it goes out blank
    REJECTED = 2  # a source found the picture damaged: it counts, and goes no further
    RETURNED = 3  # untouched: nothing more to bring in, or the worker is leaving


@dataclass(frozen=True)
class StageRule:
    """What the ledger must know of a stage. `credits`: how many frames a worker may have granted at a time."""

    name: str
    after: str | None = None
    ordered: bool = False
    credits: int = 1


@dataclass(slots=True)
class Lease:
    worker: int
    stage: int
    slot: int
    generation: int


@dataclass(frozen=True, slots=True)
class GrantTo:
    """An answer of the ledger: this worker may touch this slot until it commits this generation."""

    worker: int
    stage: int
    slot: int
    generation: int
    index: int
    pts: int
    duration: int
    blank: bool


@dataclass(slots=True)
class Slot:
    index: int = -1
    generation: int = 0
    pts: int = 0
    duration: int = 0
    tries: int = 0
    blank: bool = False
    shown: bool = False  # at least one sink has it
    dropped_at: int = -1
    todo: set[int] = field(default_factory=set)
    leases: dict[int, Lease] = field(default_factory=dict)  # by stage


@dataclass(slots=True)
class Post:
    """A stage as the ledger sees it: its workers with their leases (oldest first) and the frames that wait for it."""

    rule: StageRule
    children: list[int] = field(default_factory=list)
    below: frozenset[int] = frozenset()  # itself and all that follow
    workers: dict[int, list[Lease]] = field(default_factory=dict)
    ready: dict[int, int] = field(default_factory=dict)  # frame index -> slot
    cursor: int = 0  # ordered stages: the next frame index to grant
    commits: int = 0


class Ledger:
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
        self.posts = _tree(stages)
        self.slots = [Slot() for _ in range(slots)]
        self.free = list(range(slots - 1, -1, -1))
        self.live: dict[int, int] = {}  # frame index -> slot
        self.accepted = 0
        self.limit = limit
        self.on_full = on_full
        self.max_tries = max_tries
        self.intake_open = True
        self.fates: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.stale = 0
        self._post_of: dict[int, int] = {}

    # Workers come and go

    def joined(self, stage: int, worker: int) -> None:
        """A new incarnation is ready to work."""
        self.posts[stage].workers[worker] = []
        self._post_of[worker] = stage

    def died(self, worker: int) -> list[int]:
        """Its death is confirmed: what it held goes back. The oldest frame it held is the one to blame.

        Returns the slots of frames that have used up their tries and were made blank."""
        if worker not in self._post_of:
            return []
        post = self.posts[self._post_of.pop(worker)]
        leases = post.workers.pop(worker)
        blanked = []
        for at, lease in enumerate(leases):
            if self._give_back(lease, blame=at == 0):
                blanked.append(lease.slot)
        return blanked

    # Frames move

    def committed(
        self, worker: int, slot: int, generation: int, verdict: Verdict, pts: int = 0, duration: int = 0
    ) -> Lease | None:
        """A worker ends a lease. What does not match a lease of a living incarnation is dropped and counted: None."""
        lease = self._lease(worker, slot, generation)
        if lease is None:
            self.stale += 1
            return None
        if verdict is Verdict.RETURNED:
            self.posts[lease.stage].workers[worker].remove(lease)
            self._give_back(lease, blame=False)
            return lease
        self._end(lease)
        self.posts[lease.stage].commits += 1
        if lease.stage == 0:
            self._accept(slot, verdict, pts, duration)
        elif verdict is Verdict.FAILED and self.posts[lease.stage].children:
            self.slots[slot].todo.discard(lease.stage)
            self._make_blank(slot)
        else:
            self._pass_on(slot, lease.stage)
        return lease

    def grants(self) -> list[GrantTo]:
        """Everything that can be granted now, and is from now on."""
        given: list[GrantTo] = []
        for stage in range(len(self.posts) - 1, -1, -1):
            post = self.posts[stage]
            if not post.workers or (stage and not post.ready):
                continue
            while (worker := self._idle_worker(post)) is not None:
                slot = self._next_free() if stage == 0 else self._next_ready(stage)
                if slot is None:
                    break
                given.append(self._grant(stage, worker, slot))
        return given

    def close_intake(self) -> None:
        """Grant nothing more to the source."""
        self.intake_open = False

    def abandon(self) -> None:
        """Give up every frame that nobody holds: it is dropped where it waits."""
        self.close_intake()
        for index in sorted(self.live):
            slot = self.slots[self.live[index]]
            while slot.todo and not slot.leases:
                self._drop(self.live[index], min(slot.todo))

    # What is true at every moment

    @property
    def idle(self) -> bool:
        """No frame is under way."""
        return not self.live

    @property
    def full(self) -> bool:
        """As many frames were accepted as were wanted."""
        return self.limit is not None and self.accepted >= self.limit

    @property
    def balanced(self) -> bool:
        """Every accepted frame has exactly one fate or is under way."""
        return self.accepted == sum(self.fates.values()) + len(self.live)

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
        return lease if lease and lease.worker == worker and lease.generation == generation else None

    def _end(self, lease: Lease) -> None:
        del self.slots[lease.slot].leases[lease.stage]
        self.posts[lease.stage].workers[lease.worker].remove(lease)

    def _grant(self, stage: int, worker: int, number: int) -> GrantTo:
        slot = self.slots[number]
        slot.generation = (slot.generation + 1) % GENERATIONS
        lease = Lease(worker, stage, number, slot.generation)
        slot.leases[stage] = lease
        self.posts[stage].workers[worker].append(lease)
        return GrantTo(worker, stage, number, slot.generation, slot.index, slot.pts, slot.duration, slot.blank)

    def _idle_worker(self, post: Post) -> int | None:
        worker = min(post.workers, key=lambda w: len(post.workers[w]))
        return worker if len(post.workers[worker]) < post.rule.credits else None

    def _next_free(self) -> int | None:
        if not self.intake_open:
            return None
        under_way = sum(map(len, self.posts[0].workers.values()))
        if self.limit is not None and self.accepted + under_way >= self.limit:
            return None
        if not self.free and self.on_full == "drop_oldest":
            self._drop_one()
        return self.free.pop() if self.free else None

    def _next_ready(self, stage: int) -> int | None:
        post = self.posts[stage]
        chosen = self._in_order(stage) if post.rule.ordered else self._any(stage)
        if chosen is None:
            return None
        slot = post.ready.pop(chosen)
        if post.rule.ordered:
            post.cursor = chosen + 1
        return slot

    def _any(self, stage: int) -> int | None:
        ready = self.posts[stage].ready
        if not ready:
            return None
        if self.on_full == "block":
            return min(ready)
        newest = max(ready)
        for index in sorted(ready):
            if index != newest:
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
            if self.on_full == "block":
                return chosen
            post.cursor += 1

    def _skip_settled(self, stage: int) -> None:
        """Move an ordered stage past frames that will never come to it."""
        post = self.posts[stage]
        while post.cursor < self.accepted:
            slot = self.live.get(post.cursor)
            if slot is not None and stage in self.slots[slot].todo:
                return
            post.cursor += 1

    def _accept(self, number: int, verdict: Verdict, pts: int, duration: int) -> None:
        slot = self.slots[number]
        index = self.accepted
        self.accepted += 1
        if verdict is not Verdict.DONE:
            self.fates["rejected"] += 1
            self._release(number)
            return
        slot.index, slot.pts, slot.duration = index, pts, duration
        slot.todo = set(range(1, len(self.posts)))
        self.live[index] = number
        for child in self.posts[0].children:
            self.posts[child].ready[index] = number

    def _pass_on(self, number: int, stage: int) -> None:
        slot, post = self.slots[number], self.posts[stage]
        slot.todo.discard(stage)
        if not post.children:
            slot.shown = True
        elif not slot.blank:
            for child in post.children:
                self.posts[child].ready[slot.index] = number
        self._settle(number)

    def _give_back(self, lease: Lease, *, blame: bool) -> bool:
        slot, post = self.slots[lease.slot], self.posts[lease.stage]
        del slot.leases[lease.stage]
        if lease.stage == 0:
            self._release(lease.slot)
            return False
        if lease.stage not in slot.todo:
            self._settle(lease.slot)
            return False
        if slot.blank and post.children:
            slot.todo.discard(lease.stage)
            self._settle(lease.slot)
            return False
        post.ready[slot.index] = lease.slot
        if post.rule.ordered:
            post.cursor = min(post.cursor, slot.index)
        slot.tries += blame
        if slot.tries < self.max_tries or slot.blank:
            return False
        self._make_blank(lease.slot)
        return True

    def _make_blank(self, number: int) -> None:
        """Nobody can vouch for this frame: it goes straight to the sinks, as a blank."""
        slot = self.slots[number]
        slot.blank = True
        for stage in sorted(slot.todo):
            post = self.posts[stage]
            if not post.children:
                if stage not in slot.leases:
                    post.ready[slot.index] = number
            elif stage not in slot.leases:
                slot.todo.discard(stage)
                post.ready.pop(slot.index, None)

    def _drop_one(self) -> None:
        """Free the oldest frame that only waits."""
        for index in sorted(self.live):
            slot = self.slots[self.live[index]]
            waiting = [s for s in slot.todo if index in self.posts[s].ready]
            if waiting and not slot.leases:
                self._drop(self.live[index], min(waiting))
                return

    def _drop(self, number: int, stage: int) -> None:
        slot = self.slots[number]
        for gone in self.posts[stage].below & slot.todo:
            self.posts[gone].ready.pop(slot.index, None)
            slot.todo.discard(gone)
        slot.dropped_at = stage
        self._settle(number)

    def _settle(self, number: int) -> None:
        """Write down the fate of a frame that no stage waits for any more, and free its slot."""
        slot = self.slots[number]
        if slot.todo or slot.leases:
            return
        if slot.shown:
            self.fates["blanked" if slot.blank else "output"] += 1
        else:
            self.fates["dropped"] += 1
            self.dropped[self.posts[slot.dropped_at].rule.name] += 1
        del self.live[slot.index]
        self._release(number)

    def _release(self, number: int) -> None:
        generation = self.slots[number].generation
        self.slots[number] = Slot(generation=generation)
        self.free.append(number)


def _tree(stages: Sequence[StageRule]) -> list[Post]:
    posts = [Post(rule) for rule in stages]
    place = {rule.name: at for at, rule in enumerate(stages)}
    for at in range(1, len(stages)):
        after = stages[at].after
        posts[at - 1 if after is None else place[after]].children.append(at)
    for at in range(len(posts) - 1, -1, -1):
        posts[at].below = frozenset({at}.union(*(posts[child].below for child in posts[at].children)))
    return posts
