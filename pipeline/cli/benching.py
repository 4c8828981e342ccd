"""What `bench` was asked for, measured and shown: a table or JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli import complete
from pipeline.errors import CleanplateError, ConfigError, SetupError

if TYPE_CHECKING:
    from benchmarks.progress import Telling
    from pipeline.config import Plan

STDOUT = Path("-")
PLACEHOLDER = "clip.mp4"  # to see whether a configuration wants an input at all


@dataclass(frozen=True)
class Order:
    """The command line of `bench`; see there."""

    target: str
    input: str | None
    sets: tuple[str, ...]
    frames: int
    rounds: int
    load_s: float
    workers: str | None
    plot: Path | None
    without_models: bool
    times: tuple[str, ...]
    to: Path | None
    compare: Path | None
    tolerance: float

    @property
    def question(self) -> str:
        return self.target if self.target in complete.OWN_TARGETS else "pipeline"


def answer(order: Order) -> list[str]:
    """Measure and show it; the lines of what has become worse. Raises CleanplateError."""
    from benchmarks import plots, results

    old = results.load(order.compare, order.question) if order.compare else None
    _check(order)
    with tempfile.TemporaryDirectory() as folder:
        content = results.complete(order.question, _measure(order, Path(folder), old))
    if order.to and order.to != STDOUT:
        results.save(order.to, content)
    if order.plot:
        plots.draw(content, order.plot)
    _show(content, as_json=order.to == STDOUT)
    if old is None:
        return []
    if old["machine"]["cpu"] != content["machine"]["cpu"] or old["machine"]["cores"] != content["machine"]["cores"]:
        _say("the earlier result is of another machine: its figures say little about this one's")
    return results.losses(old, content, order.tolerance)


def _check(order: Order) -> None:
    """What would fail after minutes fails now. Raises ConfigError."""
    from benchmarks import plots, results

    if order.question != "pipeline" and (order.workers or order.plot or order.without_models or order.times):
        raise ConfigError(
            f"bench {order.target}: --workers, --plot, --without-models and --time are for configurations"
        )
    for path in (order.to, order.plot):
        if path and path != STDOUT:
            results.make_folder(path)
    if order.plot:
        plots.available()


def _measure(order: Order, folder: Path, old: Mapping[str, Any] | None) -> dict[str, Any]:
    from benchmarks.progress import Telling

    with Telling() as telling:
        if order.target == "transport":
            from benchmarks import transport

            return transport.measure(order.rounds, order.frames)
        if order.target == "memory":
            from benchmarks import memory

            return memory.measure(order.input or _sample(), "remove-people", order.sets)
        return _pipeline(order, folder, old, telling)


def _pipeline(order: Order, folder: Path, old: Mapping[str, Any] | None, telling: Telling) -> dict[str, Any]:
    from pipeline.environment import cores, worker_environment

    os.environ.update(worker_environment(cores()))  # before torch comes in: the stages alone run in this process
    from benchmarks import recorded, results, survey, sweep

    plan, clip = _plan(order, folder)
    if order.workers:
        sweep.Range.parse(order.workers, plan)
    stand_ins = recorded.stand_ins(plan, order.times, _to_be_replaced(order, plan), old)
    if old is not None:
        results.comparable(dict(old), plan.config.name, clip, stand_ins)
    for name, times in stand_ins.items():
        _say(f"STAND-IN for {name}: {times['service_ms']:g} ms a frame ({times['from']})")
    wish = survey.Wish(order.frames, order.rounds, order.load_s, order.workers, stand_ins)
    return {
        "target": order.target,
        "config": plan.config.name,
        "sets": list(order.sets),
        "clip": clip,
        "uses": {built.name: built.uses for built in plan.stages},
        **survey.measure(plan, wish, telling),
    }


def _plan(order: Order, folder: Path) -> tuple[Plan, str | None]:
    """The plan, and the name of the clip: a sample where the configuration wants a clip and none is given."""
    from pipeline.config import load_config

    def load(given: str | None) -> Plan:
        return load_config(order.target, sets=order.sets, given=given, wanted=str(folder / "out.mp4"))

    if order.input is not None:
        return load(order.input), Path(order.input).name
    try:
        return load(None), None
    except ConfigError:
        load(PLACEHOLDER)  # what else is wrong is said before anything is fetched
        clip = _sample()
        return load(clip), Path(clip).name


def _to_be_replaced(order: Order, plan: Plan) -> list[str] | None:
    """The stages for which weights are missing and cannot be had; None: all that hold a model, as it was asked for."""
    from pipeline.cli.weights import NeedsWeights, ensure_weights

    if order.without_models:
        return None
    named = {text.partition("=")[0] for text in order.times}
    try:
        ensure_weights(plan)
    except SetupError as error:
        found = [
            built.name for built in plan.stages if isinstance(built.stage, NeedsWeights) and built.name not in named
        ]
        _say(f"{error}; stand-ins take the place of what holds a model")
        return [name for name in found if _lacks(plan, name)]
    return []


def _lacks(plan: Plan, name: str) -> bool:
    """Whether weights that this stage needs are not here."""
    from models import weights
    from pipeline.cli.weights import NeedsWeights

    stage = next(built.stage for built in plan.stages if built.name == name)
    assert isinstance(stage, NeedsWeights)
    return any(weights.status(one, hashed=False).state == "missing" for one in stage.weights_needed())


def _show(content: Mapping[str, Any], *, as_json: bool) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from benchmarks import tables

    if as_json:
        print(json.dumps(content, indent=1))
        return
    Console(highlight=False).print(Markdown("\n".join(tables.section(dict(content)))))


def _say(text: str) -> None:
    print(f"cleanplate: {text}", file=sys.stderr, flush=True)


def _sample() -> str:
    from pipeline.cli import footage

    try:
        return str(footage.fetch("demo"))
    except CleanplateError as error:
        raise ConfigError(f"no clip is given (--input), and no sample can be had: {error}") from error
