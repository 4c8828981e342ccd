"""Status: how a run is going at this moment, for whoever asks. Counters only grow; rates are made by who asks twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.books import Books
from pipeline.config import Plan
from pipeline.crew import Crew, Member
from pipeline.ledger import Ledger
from pipeline.steering import Steering

LAST = 5  # notes and deaths


def snapshot(
    plan: Plan, ledger: Ledger, crew: Crew, books: Books, steering: Steering, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """One JSON object. `facts` are put in front: who it is, its phase, its seconds."""
    return {
        **facts,
        "on_full": plan.on_full,
        "frames": {
            "accepted": ledger.accepted,
            **{fate: ledger.fates[fate] for fate in ("output", "blanked", "rejected")},
            "dropped": dict(ledger.dropped),
            "under_way": len(ledger.live),
        },
        "ledger_balanced": ledger.balanced,
        "latency_ms": books.recent_latency_ms(),
        "hop_us": {f"p{p}": round(1e6 * books.meter.hop.quantile(p / 100), 1) for p in (50, 99)},
        "slots": {
            "total": len(ledger.slots),
            "free": len(ledger.free),
            "kept": len(ledger.kept),
            "quarantined": ledger.shut,
        },
        "stages": {built.name: _stage(at, plan, ledger, crew, books, steering) for at, built in enumerate(plan.stages)},
        "notes": books.notes[-LAST:],
        "deaths": list(books.deaths)[-LAST:],
    }


def _stage(at: int, plan: Plan, ledger: Ledger, crew: Crew, books: Books, steering: Steering) -> dict[str, Any]:
    built, post, meter = plan.stages[at], ledger.posts[at], books.stage(at)
    scale = built.config.autoscale
    return {
        "uses": built.uses,
        "source": at == 0,
        "sink": not post.children,
        "scalable": not built.stage.stateful,
        "live": steering.changes.live(at),
        "autoscale": scale.model_dump() if scale else None,
        "wanted": crew.wanted[at],
        "queue": len(post.ready),
        "frames": meter.frames,
        "busy_ms": meter.busy.summary_ms(),
        "busy_s": round(meter.busy.seconds, 6),
        "wait_ms": meter.wait.summary_ms(),
        "wait_s": round(meter.wait.seconds, 6),
        "restarts": meter.restarts,
        "failures": meter.failures,
        "state": meter.state,
        "counts": dict(meter.counts),
        "dropped": ledger.dropped[built.name],
        "missed": ledger.missed[built.name],
        "workers": [_worker(member, ledger) for member in sorted(crew.of(at), key=lambda m: (m.number, m.incarnation))],
    }


def _worker(member: Member, ledger: Ledger) -> dict[str, Any]:
    return {
        "number": member.number,
        "pid": member.process.pid,
        "state": member.state,
        "frames": member.commits,
        "holds": len(ledger.held(member.incarnation)),
    }
