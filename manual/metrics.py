"""The table of the metrics that `run --metrics` serves, from what is served for a run that is made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import Metric

from pipeline.cli.series import families, unanswered
from pipeline.cli.usage import Device, Usage

PID = 1
STAGE: dict[str, Any] = {
    **dict.fromkeys(("frames", "dropped", "missed", "failures", "restarts", "queue", "wanted", "busy_s", "wait_s"), 1),
    "counts": {"seen": 1},
    "busy_ms": {"p50": 1.0},
    "wait_ms": {"p50": 1.0},
    "workers": [{"number": 0, "state": "ready", "frames": 1, "pid": PID}],
}
ANSWER: dict[str, Any] = {
    **dict.fromkeys(("seconds", "control_ms_per_frame", "ledger_balanced"), 1),
    **{"name": "x", "config": "x", "on_full": "block", "phase": "running"},
    "latency_ms": {"p50": 1.0},
    "hop_us": {"p50": 1.0},
    "slots": {"free": 1, "total": 2, "quarantined": 0},
    "frames": {**dict.fromkeys(("accepted", "output", "blanked", "rejected", "under_way"), 1), "dropped": {}},
    "stages": {"x": STAGE},
}


def table() -> str:
    """A row for each metric by the name that it is served by, with its labels beside `run`."""
    rows = sorted(_row(metric) for metric in _all())
    lines = (f"| `{name}` | {kind} | {labels} | {about} |" for name, kind, labels, about in rows)
    return "\n".join(["| metric | kind | labels | |", "|---|---|---|---|", *lines])


def _all() -> Iterator[Metric]:
    usages = {PID: Usage(1.0, 1, 1, 1.0)}
    yield from families(ANSWER, usages, [Device(0, "x", 1.0, 1, 1)])
    yield from list(unanswered("x", "no answer"))[1:]


def _row(metric: Metric) -> tuple[str, str, str, str]:
    labels = sorted({label for sample in metric.samples for label in sample.labels} - {"run"})
    name = metric.name + "_total" * (metric.type == "counter")
    return name, metric.type, ", ".join(labels), metric.documentation
