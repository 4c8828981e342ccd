"""Books: what is written down while a run goes on: times, counts, notes, faults. Decides nothing."""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.audit import Audit
from pipeline.config import Plan
from pipeline.ledger import Lease
from pipeline.messages import Commit, Fault, Note, State, Tally
from pipeline.metrics import RunMeter, StageMeter
from pipeline.runlog import RunLog

MOST_NOTES = 100
MOST_FAULTS = 20
MOST_CHANGES = 200
MOST_DEATHS = 100
MOST_MODELS = 100
MOST_KINDS = 200  # of things that a stage counts
RECENT = 500  # frames
REJECTED = "rejected: "  # before the reason, among what a source counts
REJECTED_S = 60.0  # between two lines of the log about them


class Books:
    """The record of one run. All times are of the supervisor's monotonic clock, in seconds."""

    def __init__(self, plan: Plan, log: RunLog) -> None:
        self.names = [stage.name for stage in plan.stages]
        self.leaves = {stage.name for stage in plan.stages} - {stage.after for stage in plan.stages}
        self.meter = RunMeter({name: StageMeter() for name in self.names})
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.deaths: deque[str] = deque(maxlen=MOST_DEATHS)  # the last ones
        self.changes: list[dict[str, Any]] = []
        self.models: list[dict[str, str]] = []
        self.facts: dict[str, dict[str, Any]] = {name: {} for name in self.names if name in self.leaves}
        self.foreign = 0  # messages from nobody that works here
        self.audit: Audit | None = None
        self.log = log
        self._ready_at = [0.0] * plan.slots
        self._born_at = [0.0] * plan.slots
        self._rejected: Counter[str] = Counter()
        self._rejected_at = 0.0
        self._latencies: dict[str, deque[float]] = {name: deque(maxlen=RECENT) for name in self.facts}  # by sink

    def say(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)
            self.log.note(text)

    def stage(self, at: int) -> StageMeter:
        return self.meter.stages[self.names[at]]

    def began(self, stage: int, slot: int, now: float) -> None:
        """A worker has this frame in hand: it has nothing else to do, or has just done what it had before."""
        if stage:
            self.stage(stage).wait.add(now - self._ready_at[slot])

    def committed(self, lease: Lease, commit: Commit, asked_at: float, now: float) -> None:
        """`asked_at`: when the worker, until then idle, was granted this frame; 0 where it was not idle."""
        busy = commit.busy_ns / 1e9
        meter = self.stage(lease.stage)
        meter.frames += 1
        meter.busy.add(busy)
        if asked_at:  # grant and commit took what is not work: one hop there, one back
            self.meter.hop.add(max(0.0, now - asked_at - busy))
        self._ready_at[commit.slot] = now
        if lease.stage == 0:
            self._born_at[commit.slot] = now
            self.meter.first_in = self.meter.first_in or now - busy
        elif self.names[lease.stage] in self.leaves:
            latency = now - self._born_at[commit.slot]
            self.meter.latency.add(latency)
            meter.latency.add(latency)
            self._latencies[self.names[lease.stage]].append(latency)
            self.meter.last_out = now

    def recent_latency_ms(self, sink: str | None = None) -> dict[str, float]:
        """From in to out, over the last frames of one sink, or of all of them."""
        of = self._latencies.values() if sink is None else [self._latencies[sink]]
        found = sorted(itertools.chain(*of)) or [0.0]
        return {f"p{p}": round(1000 * found[(len(found) - 1) * p // 100], 3) for p in (50, 95, 99)}

    def changed(self, frame: int, stage: str, what: str, before: Any, after: Any) -> None:
        """The user, or a rule of his, has changed something in mid-run, when so many frames had been accepted."""
        self.log.event("changed", f"{what}: {before} -> {after}, at frame {frame}", stage)
        if len(self.changes) < MOST_CHANGES:
            self.changes.append({"frame": frame, "stage": stage, "what": what, "from": before, "to": after})

    def ready_again(self, slot: int, now: float) -> None:
        self._ready_at[slot] = now

    def heard(self, at: int, number: int, fault: Fault) -> str:
        """A worker's stage raised, over a frame or otherwise; the error in one line."""
        said = fault.error if fault.usage else fault.traceback
        self.log.event("fault", f"({fault.when}) {said}", f"{self.names[at]} {number}")
        return fault.error

    def died(self, name: str, cause: str) -> None:
        """A worker died that was still needed."""
        self.deaths.append(f"{name}: {cause}")
        self.log.event("death", cause, name)

    def blame(self, slot: int, text: str) -> None:
        """Something went wrong over the frame in this slot."""
        if self.audit is not None:
            self.audit.blame(slot, text)

    def done(self, at: int, facts: dict[str, Any]) -> None:
        """A worker has ended its work; a sink tells what came of it."""
        if self.names[at] in self.leaves:
            self.facts[self.names[at]] |= facts

    def fault(self, at: int, fault: Fault, held: Sequence[Lease] = ()) -> None:
        """A stage raised over one frame, the oldest that its worker holds."""
        self.stage(at).failures += 1
        for lease in held[:1]:
            self.blame(lease.slot, f"{self.names[at]}: {fault.error}")
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault.error if fault.usage else fault.traceback)

    def add_models(self, models: tuple[dict[str, str], ...]) -> None:
        self.models += [model for model in models if model not in self.models][: MOST_MODELS - len(self.models)]

    def told(self, at: int, message: Note | Tally | State) -> None:
        """A worker has something to tell: the user, or of itself."""
        match message:
            case Note(passing=True):
                self.log.line(message.text, self.names[at])
            case Note():
                self.say(message.text)
            case State():
                self._is_doing(at, message.text)
            case Tally():
                self._tallied(at, message)

    def _is_doing(self, at: int, state: str) -> None:
        meter = self.stage(at)
        if state != meter.state:
            self.log.event("state", state or "at work again", self.names[at])
            meter.state = state

    def _spoilt(self, at: int, counts: Mapping[str, int]) -> None:
        """Into the log, now and then, how many pictures were none, and why."""
        self._rejected.update({what: number for what, number in counts.items() if what.startswith(REJECTED)})
        if not self._rejected or time.monotonic() < self._rejected_at:
            return
        self._rejected_at = time.monotonic() + REJECTED_S
        said = ", ".join(f"{number} {what.removeprefix(REJECTED)}" for what, number in self._rejected.most_common(10))
        self.log.event("rejected", said, self.names[at])
        self._rejected.clear()

    def _tallied(self, at: int, tally: Tally) -> None:
        """A worker has counted something; beyond so many kinds of things they are counted together."""
        meter = self.stage(at)
        for kept, new in ((meter.counts, tally.counts), (meter.errors, tally.errors)):
            for what, number in new.items():
                kept[what if what in kept or len(kept) < MOST_KINDS else "other"] += number
        if at == 0:
            self._spoilt(at, tally.counts)
