"""The run report: one JSON object that says what became of every frame. Knows the supervisor's books, not its work."""

from __future__ import annotations

import json
import os
import platform
import secrets
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.environment import cores
from pipeline.supervisor import Supervisor

PACKAGES = ("torch", "ultralytics", "opencv-python", "numpy", "av", "pyzmq", "simple-lama-inpainting")


def outcome(supervisor: Supervisor) -> tuple[int, str]:
    """(exit code, result) of a run that has ended."""
    if supervisor.failure:
        code = supervisor.failure[0]
        return code, "interrupted" if code > 128 else "failed"
    if supervisor.interrupted:
        return 128 + supervisor.interrupted, "interrupted"
    ledger = supervisor.ledger
    lost = ledger.fates["blanked"] + (ledger.fates["dropped"] if ledger.on_full == "block" else 0)
    if supervisor.books.meter.errors or lost:
        return 4, "completed_with_errors"
    return 0, "completed"


def fates(supervisor: Supervisor) -> dict[str, Any]:
    """What became of the accepted frames; those still under way when a run failed are dropped where they were."""
    ledger = supervisor.ledger
    dropped = dict(ledger.dropped)
    for slot in ledger.live.values():
        place = ledger.posts[min(ledger.slots[slot].todo, default=0)].rule.name
        dropped[place] = dropped.get(place, 0) + 1
    return {
        "accepted": ledger.accepted,
        "output": ledger.fates["output"],
        "blanked": ledger.fates["blanked"],
        "dropped": dropped,
        "rejected": ledger.fates["rejected"],
    }


def build(supervisor: Supervisor, cpu_seconds: float) -> dict[str, Any]:
    """The whole report. Times are milliseconds unless named otherwise."""
    meter, ledger = supervisor.books.meter, supervisor.ledger
    frames = fates(supervisor)
    out = frames["output"] + frames["blanked"] - ledger.withheld
    spec = supervisor.staffing.spec
    return {
        "pipeline": supervisor.plan.config.name,
        "version": __version__,
        "result": outcome(supervisor)[1],
        "error": supervisor.failure[1] if supervisor.failure else None,
        "frames": frames,
        "blanks": {"as": supervisor.plan.config.blank, "withheld": ledger.withheld, "why": dict(ledger.blanks)},
        "ledger_balanced": ledger.balanced,
        "seconds": round(meter.seconds, 3),
        "fps": round(out / meter.seconds, 3) if meter.seconds else 0.0,
        "latency_ms": meter.latency.summary_ms(),
        "stages": {
            name: _stage(supervisor, name, wanted) | _sink(supervisor, name)
            for name, wanted in zip(supervisor.books.names, supervisor.crew.wanted, strict=True)
        },
        "runtime": {
            "hop_us": {f"p{p}": round(1e6 * meter.hop.quantile(p / 100), 1) for p in (50, 99)},
            "control_ms_per_frame": round(1000 * cpu_seconds / max(1, ledger.accepted), 4),
            "ring_bytes": supervisor.staffing.memory.nbytes,
            "slots": supervisor.plan.slots,
            "on_full": supervisor.plan.on_full,
            "delay": max(built.later for built in supervisor.plan.stages),
            "mps": bool(supervisor.crew.environment),
            "quarantined_slots": ledger.shut,
            "stale_messages": ledger.stale + supervisor.books.foreign,
            "deaths": list(supervisor.books.deaths),
        },
        "video": spec.model_dump(mode="json") if spec else None,
        "models": supervisor.books.models,
        "output": supervisor.books.facts[supervisor.plan.stages[-1].name],
        "outputs": supervisor.books.facts,
        "changes": supervisor.books.changes,
        "notes": supervisor.books.notes,
        "faults": supervisor.books.faults,
        "machine": machine(),
    }


def _stage(supervisor: Supervisor, name: str, workers: int) -> dict[str, Any]:
    meter = supervisor.books.meter.stages[name]
    return {
        "workers": workers,
        "restarts": meter.restarts,
        "frames": meter.frames,
        "failures": meter.failures,
        "missed": supervisor.ledger.missed[name],
        "busy_ms": meter.busy.summary_ms(),
        "wait_ms": meter.wait.summary_ms(),
        "counts": dict(meter.counts),
        "errors": dict(meter.errors),
    }


def _sink(supervisor: Supervisor, name: str) -> dict[str, Any]:
    """What is known of a sink besides."""
    books = supervisor.books
    return {"latency_ms": books.meter.stages[name].latency.summary_ms()} if name in books.facts else {}


def machine() -> dict[str, Any]:
    """The facts that a figure needs beside it."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": versions,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Replace the file by this JSON, or leave it as it was. Raises OSError."""
    text = json.dumps(content, indent=1) + "\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("x") as file:
            file.write(text)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
