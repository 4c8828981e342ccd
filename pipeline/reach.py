"""Reach: which frames each stage of a pipeline sees beside its own, and what of that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.plan import BuiltStage
from pipeline.stage import Transform

MOST_LAG = 64  # frames


def reaching(label: str, delay: int, stages: Sequence[BuiltStage]) -> Iterator[BuiltStage]:
    """The stages, each with where its finished frames come from and how far it looks ahead. Raises ConfigError."""
    if delay and not any(built.stage.looks_ahead for built in stages):
        raise ConfigError(f"{label}: delay = {delay}, but no stage here looks ahead")
    for built in stages:
        stage, where = built.stage, f"{label}: stages.{built.name}"
        if (stage.recalls or stage.looks_ahead) and not (stage.stateful and isinstance(stage, Transform)):
            raise ConfigError(f"{where}: other frames are for transforms that say `stateful`")
        made = replace(built, recalls_from=_finisher(where, stages, built), later=delay if stage.looks_ahead else 0)
        _check_lag(where, delay, stages, made)
        yield made


def _finisher(where: str, stages: Sequence[BuiltStage], built: BuiltStage) -> str | None:
    """The stage with which all that is recalled has been written; None where not all of it is, further on."""
    ways = _ways(stages)
    writers = {plane: one.name for one in stages for plane in one.stage.writes}
    names = [writers.get(plane, "") for plane in built.stage.recalls]
    if not names or not all(name != built.name and built.name in ways.get(name, ()) for name in names):
        return None
    last = max(names, key=lambda name: len(ways[name]))
    if not set(names) <= set(ways[last]):
        raise ConfigError(f"{where}: recalls {', '.join(built.stage.recalls)}, which different branches write")
    return last


def _check_lag(where: str, delay: int, stages: Sequence[BuiltStage], built: BuiltStage) -> None:
    """A frame that waits for later ones can only be finished when those have passed who recall."""
    if built.recalls_from is None:
        return
    if "lag" in type(built.stage).live_fields():
        raise ConfigError(f"{where}: `lag` cannot be a live field")
    way = _ways(stages)[built.recalls_from]
    between = [one for one in stages if one.name in way[way.index(built.name) + 1 :] and one.stage.looks_ahead]
    least = delay * len(between) + 1
    if not least <= built.lag <= MOST_LAG:
        raise ConfigError(f"{where}: lag = {built.lag}, but it must be {least} to {MOST_LAG}")


def _ways(stages: Sequence[BuiltStage]) -> dict[str, tuple[str, ...]]:
    """The names from the source to each stage."""
    ways: dict[str, tuple[str, ...]] = {}
    for built in stages:
        ways[built.name] = (*ways.get(built.after or "", ()), built.name)
    return ways
