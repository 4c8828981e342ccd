"""Traffic: grants out, commits in. Asks the ledger, moves the tokens, and has the books keep the times."""

from __future__ import annotations

import time

from pipeline.books import Books
from pipeline.control import ControlServer
from pipeline.crew import Crew, Member
from pipeline.foresight import Foresight
from pipeline.ledger import Ledger, Verdict
from pipeline.messages import Anything, Commit, Drain, Grant


class Traffic:
    """The hot path of a run: nothing here blocks, and nothing grows."""

    def __init__(self, ledger: Ledger, crew: Crew, server: ControlServer, books: Books) -> None:
        self.ledger = ledger
        self.last_pts = 0  # of the last accepted frame
        self._crew = crew
        self._server = server
        self._books = books
        self._foresight = Foresight(len(ledger.posts))
        self._flips = [0] * len(ledger.posts)  # which half of its lasting memory a stage reads next

    def committed(self, member: Member, commit: Commit) -> None:
        """A worker has let go of a slot; what does not match its lease is counted by the ledger and does nothing."""
        frame = commit.slot, commit.generation, commit.verdict, commit.pts, commit.duration, commit.fresh
        lease = self.ledger.committed(member.incarnation, *frame)
        if lease is None or commit.verdict is Verdict.RETURNED:
            return
        now = time.monotonic()
        self._books.committed(lease, commit, member.granted_at, now)
        self._foresight.ended(member.incarnation, member.stage, commit.busy_ns / 1e9)
        if ahead := self.ledger.held(member.incarnation):
            self._began(member, ahead[0].slot, now)
        member.commits += 1
        member.granted_at = 0.0
        member.retrying = False
        if commit.verdict is Verdict.DONE:
            self._flips[member.stage] ^= 1
        if member.stage == 0 and commit.verdict is Verdict.DONE:
            self.last_pts = commit.pts

    def grant(self, patient_now: float) -> None:
        """Tell every worker what the ledger grants it now."""
        for given in self.ledger.grants(self._foresight.nearly_done(time.monotonic())):
            member = self._crew.members[given.worker]
            now = time.monotonic()
            if self.ledger.held(given.worker)[0].slot == given.slot:  # it had nothing: it begins with this one now
                member.granted_at, member.heard = now, patient_now
                member.retrying = self.ledger.slots[given.slot].tries > 0
                self._began(member, given.slot, now)
            buffer = self._flips[given.stage]
            frame = given.index, given.pts, given.duration, given.blank
            beside = given.finished, given.later
            self.send(member, Grant(given.slot, given.generation, *frame, buffer, given.stamp, given.life, *beside))

    def _began(self, member: Member, slot: int, now: float) -> None:
        self._books.began(member.stage, slot, now)
        self._foresight.began(member.incarnation, member.stage, now)

    def patience(self, longest: float) -> float:
        """Seconds until something can be granted without any message; `longest` at most."""
        until = self._foresight.until_next(time.monotonic(), self._crew.members)
        return longest if until is None else min(until, longest)

    def send(self, member: Member, message: Anything) -> None:
        """What cannot be delivered is lost with its worker: if it is not dead, it is ended, and its pidfd says so."""
        if not self._server.send(member.identity, message.pack()):
            member.process.kill()

    def drain(self, member: Member, patient_now: float) -> None:
        """Ask a worker to come to its end."""
        member.state = "draining"
        member.heard = patient_now
        self.send(member, Drain())
