"""Steering: what the user asks of a running pipeline, and the numbers of workers that follow the backlog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.admin import AdminServer
from pipeline.autoscale import Autoscaler
from pipeline.books import Books
from pipeline.bulletins import Bulletins
from pipeline.changes import Changes
from pipeline.config import Plan
from pipeline.crew import Crew
from pipeline.errors import ConfigError
from pipeline.ledger import Ledger
from pipeline.messages import Drain
from pipeline.reading import close_match
from pipeline.requests import Answer, Change, Pause, Request, Resume, Scale
from pipeline.traffic import Traffic


class Steering:
    """Takes requests and does them. `paused`: nothing more is brought in for now."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        crew: Crew,
        traffic: Traffic,
        books: Books,
        admin: AdminServer,
    ) -> None:
        self.paused = False
        self.changes = Changes(plan, ledger, crew, traffic)
        self._plan = plan
        self._ledger = ledger
        self._crew = crew
        self._traffic = traffic
        self._books = books
        self._admin = admin
        self._bulletins = Bulletins(plan, ledger, crew, traffic, books)
        self._scalers = {
            at: Autoscaler(built.config.autoscale) for at, built in enumerate(plan.stages) if built.config.autoscale
        }

    def turn(self, now: float, *, ending: bool, status: Callable[[], dict[str, Any]]) -> None:
        """Do what was asked since the last turn. While the run is `ending` it only tells how it is."""
        self.changes.advance()
        self._bulletins.turn(now)
        for who, request in self._admin.receive():
            if isinstance(request, str):
                self._admin.answer(who, Answer(refused=request))
                continue
            try:
                content = self._do(who, request, now, ending, status)
            except ConfigError as error:
                self._admin.answer(who, Answer(refused=str(error)))
            else:
                if content is not None:
                    self._admin.answer(who, Answer(content=content))

    def autoscale(self, now: float) -> None:
        """Let the numbers of workers follow the backlog."""
        for stage, scaler in self._scalers.items() if not self.paused else ():
            post, wanted = self._ledger.posts[stage], self._crew.wanted[stage]
            ready = sum(member.state == "ready" for member in self._crew.of(stage))
            better = scaler.wanted(now, wanted, ready, len(post.ready), post.busy)
            if better != wanted:
                self.scale(stage, better, now, "autoscale")

    def scale(self, stage: int, workers: int, now: float, why: str) -> None:
        """From now on so many workers; those too many finish what they hold and leave. `why` is written down."""
        name, before = self._books.names[stage], self._crew.wanted[stage]
        self._books.changed(self._ledger.accepted, name, f"workers ({why})", before, workers)
        for member in self._crew.scale(stage, workers, now):
            self._ledger.leave(member.incarnation)
            at_work, member.state, member.heard = member.state == "ready", "leaving", now
            if at_work:
                self._traffic.send(member, Drain())
            else:
                member.process.kill()  # it has not even been set up

    # Inside

    def _do(
        self, who: bytes, request: Request, now: float, ending: bool, status: Callable[[], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The answer, or None where it comes later. Raises ConfigError."""
        if ending and isinstance(request, Scale | Change | Pause | Resume):
            raise ConfigError("it is coming to its end")
        match request:
            case Scale():
                return self._asked_to_scale(request, now)
            case Change():
                self._change(who, request)
                return None
            case Pause():
                return self._pause(True)
            case Resume():
                return self._pause(False)
        return status()

    def _stage(self, name: str) -> int:
        names: Sequence[str] = self._books.names
        if name not in names:
            raise ConfigError(f"there is no stage {name!r}{close_match(name, names)}")
        return names.index(name)

    def _asked_to_scale(self, request: Scale, now: float) -> dict[str, Any]:
        at = self._stage(request.stage)
        if self._plan.stages[at].stage.stateful:
            raise ConfigError(f"{request.stage} keeps state: it has one worker")
        before = self._crew.wanted[at]
        if before != request.workers:
            self.scale(at, request.workers, now, "asked")
        return {"stage": request.stage, "from": before, "to": request.workers, "slots": len(self._ledger.slots)}

    def _change(self, who: bytes, request: Change) -> None:
        at = self._stage(request.stage)

        def answer(refusal: str, former: Mapping[str, Any]) -> None:
            before = former.get(request.field)
            if not refusal:
                self._books.changed(self._ledger.accepted, request.stage, request.field, before, request.value)
            content = {"stage": request.stage, "field": request.field, "from": before, "to": request.value}
            self._admin.answer(who, Answer(refused=refusal) if refusal else Answer(content=content))

        self.changes.wish(at, request.field, request.value, answer)

    def _pause(self, on: bool) -> dict[str, Any]:
        if on != self.paused:
            self.paused = on
            (self._ledger.hold if on else self._ledger.release)(0)
            self._books.log.event("paused" if on else "resumed", f"at frame {self._ledger.accepted}")
        return {"paused": on, "frame": self._ledger.accepted}
