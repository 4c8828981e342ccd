"""Bulletins: tells the sinks that want to know how the whole run is going, a few times a second."""

from __future__ import annotations

from pipeline.books import Books
from pipeline.crew import Crew
from pipeline.ledger import Ledger
from pipeline.messages import Bulletin
from pipeline.plan import Plan
from pipeline.traffic import Traffic

EVERY_S = 0.25


class Bulletins:
    """One for each sink that `wants_news` and works, every EVERY_S seconds."""

    def __init__(self, plan: Plan, ledger: Ledger, crew: Crew, traffic: Traffic, books: Books) -> None:
        self._readers = [at for at, built in enumerate(plan.stages) if getattr(built.stage, "wants_news", False)]
        self._ledger, self._crew, self._traffic, self._books = ledger, crew, traffic, books
        self._next = 0.0

    def turn(self, now: float) -> None:
        """Send them, where it is time."""
        if not self._readers or now < self._next:
            return
        self._next = now + EVERY_S
        for at in self._readers:
            sink = self._books.names[at]
            bulletin = Bulletin(
                latency_ms=self._books.recent_latency_ms(sink)["p50"],
                dropped=sum(self._ledger.dropped.values()) + self._ledger.missed[sink],
                rejected=self._ledger.fates["rejected"],
                source=self._books.stage(0).state,
            )
            for member in self._crew.of(at):
                if member.state == "ready":
                    self._traffic.send(member, bulletin)
