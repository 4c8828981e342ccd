"""Work: one segment done, by whatever engine, wherever: a run of its own, and a look at what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.environment import cores
from pipeline.jobs.durable import sha256_of
from pipeline.jobs.recipe import SINK, checksums
from pipeline.remote import Ending, RunOrders
from pipeline.remote_lane import RemoteLane

COMPLETED_WITH_ERRORS = 4
INTERRUPTED = (129, 130, 143)  # somebody wished it; a death by any other signal is a try that failed
NO_ROOM = ("No space left", "Disk quota exceeded", "File too large")
BAD_INPUT = ("missing_frames", "decode_error", "damaged_frame", "read_error", "absurd_size")


@dataclass(frozen=True)
class Order:
    """A segment that is to be done: its file, the configuration and what is to be set there, where the results go, and
    how many frames each must have."""

    index: int
    cut: str
    config: str
    sets: tuple[str, ...]
    outputs: tuple[str, ...]
    frames: int


@dataclass(frozen=True)
class Outcome:
    """What came of an order. `error` is empty where all is as it should be; `full`: it failed for want of room;
    `damage`: what the source of the run has met. `written`: frames in each result, `last_duration`: of the last one, in
    ticks (0: not known)."""

    index: int
    error: str = ""
    full: bool = False
    interrupted: bool = False
    written: int = 0
    last_duration: int = 0
    seconds: float = 0.0
    results: tuple[str, ...] = ()
    models: dict[str, str] = field(default_factory=dict)
    damage: dict[str, int] = field(default_factory=dict)


def orders_of(order: Order, processors: int | None = None) -> RunOrders:
    """The run that does it. It ends with whoever holds it: nobody would look at what it could still finish.

    `processors`: how many it may use; a stage gets no more workers, for each loads its model first, and that is most
    of what a segment costs to begin. How many there are changes no frame."""
    sets = order.sets if processors is None else (*order.sets, *_fewer_workers(order.config, processors))
    if len(order.outputs) == 1:
        return RunOrders(order.config, sets, order.cut, order.outputs, finish_alone=False)
    sets = (*sets, *_targets(order.config, order.outputs))  # several wanted ones would make further sinks
    return RunOrders(order.config, sets, order.cut, finish_alone=False)


def _fewer_workers(config: str, processors: int) -> list[str]:
    return [f"{one['name']}.workers={processors}" for one in _stages(config) if one.get("workers", 1) > processors]


def _targets(config: str, outputs: Sequence[str]) -> list[str]:
    sinks = [one["name"] for one in _stages(config) if one["uses"] == SINK]
    return [f"{name}.output={json.dumps(output)}" for name, output in zip(sinks, outputs, strict=True)]


def _stages(config: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(config).read_text(encoding="utf-8"))["stages"]
    return found


def perform(
    order: Order, heard: Callable[[dict[str, Any]], None], lane: RemoteLane, processors: int | None = None
) -> Outcome:
    """Do it in a lane, here and now; `heard` gets the run's events. `processors`: how many it may use; by default those
    of this thread."""
    return outcome_of(order, lane.run(orders_of(order, processors or cores()), heard))


def outcome_of(order: Order, ending: Ending) -> Outcome:
    """Judge a run that has ended: by its exit code, by its report, and by the files that it left."""
    report = ending.report
    damage = _damage(report)
    error = _wrong(order, ending, damage)
    if error:
        lost = any(text in error for text in NO_ROOM)
        return Outcome(order.index, error, full=lost, interrupted=ending.code in INTERRUPTED, damage=damage)
    facts = list(report["outputs"].values())
    try:
        results = tuple(sha256_of(Path(output)) for output in order.outputs)
    except OSError as fault:
        return Outcome(order.index, f"its result cannot be read: {fault}")
    return Outcome(
        order.index,
        written=order.frames,
        last_duration=max(int(fact.get("duration", 0)) for fact in facts),
        seconds=float(report["seconds"]),
        results=results,
        models=checksums(report),
        damage=_errors(report),
    )


def _wrong(order: Order, ending: Ending, damage: Mapping[str, int]) -> str:
    """What is wrong with it; empty where nothing is."""
    if ending.code not in (0, COMPLETED_WITH_ERRORS) or not ending.report:
        return ending.error or f"the run ended with exit code {ending.code}"
    if damage:
        return f"its input is damaged: {', '.join(f'{number} {what}' for what, number in damage.items())}"
    for fact in ending.report["outputs"].values():
        if fact.get("frames") != order.frames:
            return ending.error or f"{fact.get('frames', 0)} of {order.frames} frames came out"
    missing = [output for output in order.outputs if not os.path.exists(output)]
    return f"{missing[0]} was not made" if missing else ending.error or ""


def _damage(report: Mapping[str, Any]) -> dict[str, int]:
    """What is wrong with the input of a run."""
    return {what: number for what, number in _errors(report).items() if what in BAD_INPUT}


def _errors(report: Mapping[str, Any]) -> dict[str, int]:
    """Everything that went wrong in a run without stopping it."""
    found: dict[str, int] = {}
    for stage in report.get("stages", {}).values():
        for what, number in stage.get("errors", {}).items():
            found[what] = found.get(what, 0) + int(number)
    if blanked := int(report.get("frames", {}).get("blanked", 0)):
        found["blank"] = blanked
    return found
