"""Which stages hold models, and what time a stand-in takes in the place of each: given, recorded, or assumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.results import FOLDER, load
from pipeline.config import BuiltStage, Plan
from pipeline.errors import ConfigError
from pipeline.reading import close_match, printable

ASSUMED_MS = 40.0  # where nothing is known


def stand_ins(
    plan: Plan, times: Sequence[str], stages: Sequence[str] | None, earlier: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """By stage: `service_ms`, `cpu_ms` (of all threads) and `from`, where that comes from. Raises ConfigError.

    `stages`: which ones; None for all that hold a model, and those that `times` names. `times`: `STAGE=MS`, or
    `STAGE=MS/CPU_MS`. What they do not say comes from the earlier result, or from those that come with this program."""
    given = dict(_parse(text, plan) for text in times)
    replaced = {built.name for built in plan.stages if built.stage.heavy} if stages is None else set(stages)
    wanted = [built for built in plan.stages if built.name in replaced | given.keys()]
    sources = [(earlier, "the earlier result")] if earlier else []
    sources += [(result, f"benchmarks/results/{name}") for name, result in _shipped()]
    return {built.name: given.get(built.name) or _look_up(built, plan, sources) for built in wanted}


def _parse(text: str, plan: Plan) -> tuple[str, dict[str, Any]]:
    label = f"--time {printable(text)}"
    name, _, said = text.partition("=")
    known = {built.name: built for built in plan.stages}
    if name not in known:
        raise ConfigError(f"{label}: no stage {name!r}{close_match(name, known)}")
    if not known[name].stage.writes or not known[name].stage.reads:
        raise ConfigError(f"{label}: {name} brings frames in or out: nothing can stand in for it")
    service, slash, cpu = said.partition("/")
    try:
        taken = {"service_ms": float(service), "cpu_ms": float(cpu) if slash else 0.0}
    except ValueError as error:
        raise ConfigError(f"{label}: STAGE=MS or STAGE=MS/CPU_MS is needed, as in --time {name}=40") from error
    if not all(0 <= value < 1e6 for value in taken.values()) or (taken["cpu_ms"] and not taken["service_ms"]):
        raise ConfigError(f"{label}: milliseconds for a frame, and what of CPU is in them")
    return name, {**taken, "from": "--time"}


def _look_up(built: BuiltStage, plan: Plan, sources: Sequence[tuple[Mapping[str, Any], str]]) -> dict[str, Any]:
    """As it was measured in a pipeline of the same name, or of another that has such a stage."""
    ranked = sorted(sources, key=lambda one: one[0]["config"] != plan.config.name)
    for result, label in ranked:
        found = result.get("whole", {}).get("stages", {}).get(built.name)
        if found and result.get("uses", {}).get(built.name) == built.uses and built.name not in result["stand_ins"]:
            at = result.get("machine", {}).get("cpu", "")
            return {
                "service_ms": round(found["service_ms"]["mean"], 2),
                "cpu_ms": round(found["cpu_ms"], 2),
                "from": f"recorded in {label}" + (f" on {at}" if at else ""),
            }
    return {"service_ms": ASSUMED_MS, "cpu_ms": 0.0, "from": "nothing is recorded: assumed"}


def _shipped() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        content = load(path)
        if content["question"] == "pipeline" and "stand_ins" in content:
            yield path.name, content
