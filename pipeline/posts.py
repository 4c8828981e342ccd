"""Posts and slots: what the ledger notes about each stage and each frame, and the tree that the stages form."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

GENERATIONS = 1 << 32
LIVES = 1 << 16


class Verdict(IntEnum):
    """How a worker ends a lease."""

    DONE = 0
    FAILED = 1  # the stage raised: nobody vouches for this frame, it goes out blank
    REJECTED = 2  # a source found the picture damaged: it counts, and goes no further
    RETURNED = 3  # untouched: nothing more to bring in, or the worker is leaving


@dataclass(frozen=True)
class StageRule:
    """What the ledger must know of a stage. `credits`: how many frames a worker may have granted at a time; `ahead`:
    also one of several workers, or of one credit, may be granted its next frame when it is nearly done.

    Only ordered stages see other frames: `later` of those that follow, and with `recalls_from` the frame `lag` before
    its own as that stage, one below, has left it. `withholds`: a sink out of which no blank comes."""

    name: str
    after: str | None = None
    ordered: bool = False
    credits: int = 1
    ahead: bool = False
    recalls_from: str | None = None
    lag: int = 0
    later: int = 0
    withholds: bool = False


@dataclass(frozen=True, slots=True)
class Loan:
    """Another frame than the granted one, which its worker may read as long as it holds that."""

    slot: int
    stamp: int
    index: int
    pts: int
    duration: int


@dataclass(slots=True)
class Lease:
    worker: int
    stage: int
    slot: int
    generation: int
    alone: bool = False  # nothing is granted beside it
    stuck: bool = False  # its holder was killed and does not die
    finished: Loan | None = None
    later: tuple[Loan, ...] = ()


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
    stamp: int  # what lies behind the planes of this frame: see tripwire.py
    life: int = 0
    finished: Loan | None = None
    later: tuple[Loan, ...] = ()


@dataclass(slots=True)
class Slot:
    index: int = -1
    generation: int = 0
    stamp: int = 0  # the generation with which the source brought this frame
    pts: int = 0
    duration: int = 0
    tries: int = 0
    life: int = 0  # another number than that of the frame before where the source had lost its input in between
    blank: bool = False
    why: str = ""  # it is blank: at which stage, and how
    shown: bool = False  # at least one sink has it
    withheld: bool = False  # a sink has been told of it that lets no blank out
    dropped_at: list[int] = field(default_factory=list)  # stages that will not have it
    todo: set[int] = field(default_factory=set)
    leases: dict[int, Lease] = field(default_factory=dict)  # by stage
    finished: frozenset[int] = frozenset()  # stages that have left it as another one recalls it

    @property
    def held(self) -> bool:
        """Whether somebody holds it who will let go."""
        return any(not lease.stuck for lease in self.leases.values())

    def loan(self, number: int) -> Loan:
        """Its frame, to be read by who holds another one."""
        return Loan(number, self.stamp, self.index, self.pts, self.duration)

    def grant(self, number: int, stage: int, worker: int) -> GrantTo:
        """A lease of this slot, of the given number, to a worker."""
        self.generation = (self.generation + 1) % GENERATIONS
        # A frame that is done again is done alone: its commit may die with a worker that has begun the next one, and it
        # must not be blamed for that a second time.
        self.leases[stage] = Lease(worker, stage, number, self.generation, alone=self.tries > 0)
        stamp = self.stamp if stage else self.generation
        frame = self.index, self.pts, self.duration, self.blank
        return GrantTo(worker, stage, number, self.generation, *frame, stamp, self.life)


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
    leaving: set[int] = field(default_factory=set)  # workers that are granted nothing more
    holds: int = 0  # reasons for which nothing is granted at all
    borrows: bool = False  # it sees other frames beside its own
    recalled: bool = False  # another stage sees what this one has made

    def idle(self, nearly_done: Container[int] = ()) -> int | None:
        """The worker with the fewest leases, if it may have one more. Only one that works alone is granted long ahead:
        among several, a frame must not wait for a busy one while another is idle."""
        staying = [worker for worker in self.workers if worker not in self.leaving]
        if not staying:
            return None
        worker = min(staying, key=lambda w: (len(self.workers[w]), w not in nearly_done))
        held = self.workers[worker]
        most = self.rule.credits if len(staying) == 1 else 1
        if self.rule.ahead and worker in nearly_done:
            most = max(most, 2)
        return worker if len(held) < most and not any(lease.alone for lease in held) else None

    @property
    def busy(self) -> int:
        """How many workers hold a frame that they will let go."""
        return sum(any(not lease.stuck for lease in held) for held in self.workers.values())

    def take(self, index: int) -> int:
        """Let a waiting frame go to a worker; its slot."""
        if self.rule.ordered:
            self.cursor = index + 1
        return self.ready.pop(index)

    def put_back(self, index: int, slot: int) -> None:
        """A frame that was granted waits again."""
        self.ready[index] = slot
        if self.rule.ordered:
            self.cursor = min(self.cursor, index)


def tree(stages: Sequence[StageRule]) -> list[Post]:
    """The posts of these stages, each knowing which follow it."""
    posts = [Post(rule) for rule in stages]
    place = {rule.name: at for at, rule in enumerate(stages)}
    for at in range(1, len(stages)):
        after = stages[at].after
        posts[at - 1 if after is None else place[after]].children.append(at)
    for at in range(len(posts) - 1, -1, -1):
        posts[at].below = frozenset({at}.union(*(posts[child].below for child in posts[at].children)))
    return posts
