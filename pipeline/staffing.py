"""Staffing: brings a new worker from its Hello to work: configuration, frame size, memory. Knows no frame."""

from __future__ import annotations

from pipeline.books import Books
from pipeline.changes import Changes
from pipeline.config import Plan
from pipeline.crew import Crew, Member
from pipeline.errors import RunError
from pipeline.frame import FrameSpec
from pipeline.ledger import Ledger
from pipeline.memory import SharedMemory
from pipeline.messages import Mapped, Ready, Start
from pipeline.traffic import Traffic


class Staffing:
    """The handshakes of a run. The source's first one brings the size of the frames, and with it the memory."""

    def __init__(
        self, plan: Plan, ledger: Ledger, crew: Crew, traffic: Traffic, books: Books, changes: Changes
    ) -> None:
        self.spec: FrameSpec | None = None
        self.memory = SharedMemory(plan)
        self._plan = plan
        self._ledger = ledger
        self._crew = crew
        self._traffic = traffic
        self._books = books
        self._changes = changes

    @property
    def complete(self) -> bool:
        """Whether every stage has somebody who works."""
        return all(post.workers for post in self._ledger.posts)

    def welcome_heirs(self) -> None:
        """Those whom an earlier run has left have said their Hello then."""
        for member in list(self._crew.members.values()):
            if member.state == "waiting":
                self.welcome(member)

    def welcome(self, member: Member) -> None:
        """A new worker runs: set it up, as soon as the size of the frames is known."""
        if member.state not in ("born", "waiting"):  # it has said so before
            self._books.foreign += 1
            return
        member.state = "waiting"
        if member.stage and self.spec is None:
            return
        member.state = "setup"
        built = self._plan.stages[member.stage]
        done = self._ledger.posts[member.stage].commits if member.stage else self._ledger.accepted
        start = Start(
            uses=built.uses,
            options=self._changes.options[member.stage],
            spec=self.spec,
            mappings=self.memory.lend(member) if member.stage else (),
            resume=done if self._books.stage(member.stage).restarts else None,
            pts=self._traffic.last_pts,
            blank=self._plan.config.blank,
        )
        member.revision = self._changes.revisions[member.stage]
        self._traffic.send(member, start)

    def staff(self, member: Member, ready: Ready) -> None:
        """A worker is set up: it can be granted frames. Raises RunError, RingError."""
        if member.state != "setup":
            self._books.foreign += 1
            return
        if member.stage == 0:
            self._source_is_ready(member, ready)
        member.state = "ready"
        member.deadline = ready.deadline
        self._books.add_models(ready.models)
        self._changes.catch_up(member)
        self._ledger.joined(member.stage, member.incarnation)
        said = f"after {ready.seconds:.2f} s; may be silent for {ready.deadline:g} s"
        self._books.log.event("ready", said, f"{self._plan.stages[member.stage].name} {member.number}")

    def _source_is_ready(self, member: Member, ready: Ready) -> None:
        if ready.spec is None:
            raise RunError(f"{self._books.names[0]}: says that it is ready, but not what it brings")
        if self.spec is None:
            self.memory.make(ready.spec)
            self.spec = ready.spec  # not before: who says Hello now is lent of that memory
            for other in list(self._crew.members.values()):
                if other.stage and other.state == "waiting":
                    self.welcome(other)
        elif (ready.spec.width, ready.spec.height) != (self.spec.width, self.spec.height):
            raise RunError(f"the input has changed its size to {ready.spec.width}x{ready.spec.height}")
        self._traffic.send(member, Mapped(spec=self.spec, mappings=self.memory.lend(member)))
