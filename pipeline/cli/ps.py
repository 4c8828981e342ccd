"""`cleanplate ps`: the pipelines that run now."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipeline.cli import live
from pipeline.errors import CleanplateError
from pipeline.instances import Instance, running
from pipeline.reading import escaped

PATIENCE_S = 1.0  # for the answer of one run
PATIENCE_WITH_ALL_S = 3.0

HELP = """List the pipelines that run now, with what they have done and the workers of their stages.

A run that does not answer within a second is listed without those. FR/S is frames a second since the start.

Example:

  cleanplate ps --json
"""


def ps(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    found = looks(running())
    if as_json:
        print(json.dumps([{**asdict(instance), **facts(look)} for instance, look in found], indent=1))
        return
    print(f"{'NAME':<20} {'PID':>8}  {'STARTED':<25}  {'PHASE':<9} {'FRAMES':>8} {'FR/S':>6}  INPUT -> OUTPUT")
    for one, look in found:
        told = facts(look)
        frames, fps = (told["frames"], f"{told['fps']:.1f}") if look else ("-", "-")
        print(
            f"{one.name:<20} {one.pid:>8}  {one.started:<25}  {told['phase'] or '-':<9} {frames:>8} {fps:>6}  "
            f"{escaped(one.input)} -> {escaped(one.output)}"
        )
        if look:
            lost = f"; {told['dropped']} dropped" if told["dropped"] else ""
            print(" " * 31 + ", ".join(f"{stage} {count}" for stage, count in told["workers"].items()) + lost)


def looks(instances: list[Instance]) -> list[tuple[Instance, dict[str, Any] | None]]:
    """Each with its status, or None where it does not answer in time."""
    found: list[tuple[Instance, dict[str, Any] | None]] = []
    until = time.monotonic() + PATIENCE_WITH_ALL_S
    for instance in instances:
        look = None
        if (patience := min(PATIENCE_S, until - time.monotonic())) > 0:
            try:
                look = live.status(instance.name, patience)
            except CleanplateError:
                look = None  # it is listed as one that does not answer
        found.append((instance, look))
    return found


def facts(look: dict[str, Any] | None) -> dict[str, Any]:
    """What is listed of a status: `frames` that are out, `fps` since the start, those `dropped`, `workers` by stage."""
    if look is None:
        return {"phase": None, "frames": None, "fps": None, "dropped": None, "workers": None}
    done = live.finished(look)
    return {
        "phase": look["phase"],
        "frames": done,
        "fps": round(done / look["seconds"], 3) if look["seconds"] else 0.0,
        "dropped": live.dropped(look),
        "workers": {name: stage["wanted"] for name, stage in look["stages"].items()},
    }
