"""Reads, overrides and checks a pipeline's configuration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import ValidationError

from pipeline.closed import closing
from pipeline.environment import variables
from pipeline.errors import ConfigError
from pipeline.frame import STANDARD_PLANES
from pipeline.importer import load_class
from pipeline.masking import masked
from pipeline.messages import as_unicode
from pipeline.outlets import Outlets
from pipeline.overrides import Overrides
from pipeline.plan import NAME, BuiltStage, PipelineConfig, Plan, RestartPolicy, StageConfig
from pipeline.reach import reaching
from pipeline.reading import close_match, culprit, explain, read_yaml
from pipeline.stage import RESERVED_KEYS, Sink, Source, Stage

__all__ = ["NAME", "BuiltStage", "PipelineConfig", "Plan", "RestartPolicy", "StageConfig", "load_config"]
MAX_OPTIONS = 30_000  # bytes of one stage, so that they fit into a message


def load_config(
    where: str,
    *,
    sets: Sequence[str] = (),
    given: str | None = None,
    wanted: str | Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Plan:
    """Read, override and check the pipeline at a path, or of a shipped name.

    `given` is the input for its first stage, `wanted` the output for its last ones, or several: see `Outlets`.
    `environment` (`variables()` by default) goes before the file, `sets` before both. Raises ConfigError, in one
    line."""
    if isinstance(sets, str):
        raise ConfigError(f"sets = {masked(sets)!r}: a list of these is needed")
    label, raw = read_yaml(where)
    outlets = Outlets(raw, wanted)
    overrides = Overrides(raw, [key for key in PipelineConfig.model_fields if key != "stages"])
    for name, text in (variables() if environment is None else environment).items():
        overrides.add_variable(name, text)
    for item in sets:
        overrides.add_set(item)
    try:
        config = PipelineConfig.model_validate(raw)
    except ValidationError as error:
        giver = overrides.giver(culprit(error, raw), label)
        raise ConfigError(f"{giver}: {explain(error, PipelineConfig, raw)}") from error
    _check_names(label, config)
    built = tuple(_build(label, config, at, given, outlets, overrides) for at in range(len(config.stages)))
    _check_flow(label, built)
    built = tuple(reaching(label, config.delay, tuple(_with_extras(built))))
    if config.fail == "closed":
        built = tuple(closing(label, built))
    source = built[0].stage
    live = isinstance(source, Source) and source.live
    on_full = config.on_full or ("drop_oldest" if live else "block")
    return Plan(config, built, on_full, _slots(label, config, built))


def _check_names(label: str, config: PipelineConfig) -> None:
    seen: set[str] = set()
    for stage in config.stages:
        if stage.name in seen:
            raise ConfigError(f"{label}: two stages are called {stage.name!r}")
        if stage.after is not None and stage.after not in seen:
            raise ConfigError(
                f"{label}: stages.{stage.name}.after: no stage {stage.after!r} above it{close_match(stage.after, seen)}"
            )
        seen.add(stage.name)


def _build(
    label: str, config: PipelineConfig, at: int, given: str | None, outlets: Outlets, overrides: Overrides
) -> BuiltStage:
    stage = config.stages[at]
    where = f"{label}: stages.{stage.name}"
    followed = {config.stages[i - 1].name if s.after is None else s.after for i, s in enumerate(config.stages) if i}
    leaf = stage.name not in followed
    own = str(stage.options.get("output" if at else "input") or "") or None
    address = given or own if at == 0 else outlets.of(stage.name, own) if leaf else None
    cls = load_class(stage.uses, where)
    options = dict(stage.options)
    if pick := getattr(cls, "pick", None):
        cls, kinds = pick(address), cls.kinds()
        meant_for_another = {name for kind in kinds for name in kind.model_fields} - set(cls.model_fields)
        options = {name: value for name, value in options.items() if name not in meant_for_another}
    if not issubclass(cls, Stage):
        raise ConfigError(f"{where}.uses: {stage.uses} is not a stage")
    if clash := RESERVED_KEYS & set(cls.model_fields):
        raise ConfigError(f"{where}: the field names {sorted(clash)} are reserved")
    if address is not None and as_unicode(address) != address:
        raise ConfigError(f"{where}: the name {address!r} is not UTF-8; rename the file")
    key = "input" if at == 0 else "output"
    if address is not None and key in cls.model_fields:
        options[key] = address
    elif key in cls.model_fields and not options.get(key):
        raise ConfigError(f"{where}: where {'from' if at == 0 else 'to'}? Give --{key}")
    try:
        made = cls.model_validate(options)
    except ValidationError as error:
        giver = overrides.giver(f"stages.{stage.name}.with.{culprit(error, options)}", label)
        raise ConfigError(f"{giver}: stages.{stage.name}: {explain(error, cls, options)}") from error
    if len(json.dumps(options, default=str)) > MAX_OPTIONS:
        raise ConfigError(f"{where}: more than {MAX_OPTIONS} bytes of options; put long lists into a file")
    after = None if at == 0 else stage.after or config.stages[at - 1].name
    _check_place(where, made, first=at == 0, leaf=leaf, several=_several(stage))
    uses = f"{cls.__module__}:{cls.__qualname__}"
    return BuiltStage(stage.name, uses, options, made, stage, after, stage.on_error or config.on_error)


def _several(stage: StageConfig) -> str:
    """What gives a stage more than one worker; empty where nothing does."""
    if stage.autoscale and stage.autoscale.max > 1:
        return f"autoscale.max: {stage.autoscale.max}"
    return f"workers: {stage.workers}" if stage.workers > 1 else ""


def _check_place(where: str, stage: Stage, *, first: bool, leaf: bool, several: str) -> None:
    if isinstance(stage, Source) != first:
        raise ConfigError(f"{where}: a pipeline has one source, and it stands first")
    if isinstance(stage, Sink) != leaf:
        raise ConfigError(f"{where}: every branch ends in a sink, and nothing follows a sink")
    if stage.stateful and several:
        raise ConfigError(f"{where}.{several}, but this stage keeps state: it has one worker")
    if stage.lasting and not stage.stateful:
        raise ConfigError(f"{where}: lasting memory is for stages that say `stateful`")
    if twice := [name for name, count in Counter(stage.lasting).items() if count > 1]:
        raise ConfigError(f"{where}: {twice[0]!r} stands both in memory() and in pool()")


def _check_flow(label: str, stages: Sequence[BuiltStage]) -> None:
    """Each plane has one writer, and every reader stands behind it."""
    writer: dict[str, str] = {}
    behind: dict[str, set[str]] = {}
    for built in stages:
        have = set(behind.get(built.after or "", ()))
        for plane in built.stage.reads:
            if plane not in have:
                raise ConfigError(
                    f"{label}: stages.{built.name} reads the plane {plane!r}, which no stage before it writes"
                )
        if lack := built.stage.lacks(have):
            raise ConfigError(f"{label}: stages.{built.name}: {lack}")
        for plane in built.stage.writes:
            if plane in writer:
                raise ConfigError(f"{label}: stages.{built.name} writes the plane {plane!r}, as {writer[plane]!r} does")
            if plane not in STANDARD_PLANES and plane not in built.stage.planes:
                raise ConfigError(f"{label}: stages.{built.name} writes the plane {plane!r}, which nobody describes")
            writer[plane] = built.name
        behind[built.name] = have | set(built.stage.writes)


def _with_extras(stages: Sequence[BuiltStage]) -> Iterator[BuiltStage]:
    """The stages, each with what it may read and what is there."""
    behind: dict[str, set[str]] = {}
    for built in stages:
        have = behind.get(built.after or "", set())
        behind[built.name] = have | set(built.stage.writes)
        yield replace(built, extra=tuple(name for name in built.stage.may_read if name in have))


def _slots(label: str, config: PipelineConfig, stages: Sequence[BuiltStage]) -> int:
    """One frame in the hands of each worker, one more ready for it, and one to spare; and those that are kept to be
    seen beside others."""
    seen = sum(built.lag + built.later for built in stages)
    least = sum(built.workers for built in stages) + 1 + seen
    if config.slots is None:
        return sum(max(built.credits, built.most_workers) for built in stages) + 2 + seen
    if config.slots < least:
        more = f", {seen} that stages see beside their own" if seen else ""
        raise ConfigError(f"{label}: slots = {config.slots}, but one for each worker{more} and one more make {least}")
    return config.slots
