"""`--target`: what the user points at, as values of the stage that follows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

from pipeline.cli.complete import Offer, stage_fields
from pipeline.config import Plan
from pipeline.errors import ConfigError
from pipeline.reading import read_yaml

FIELD = "targets"


def as_sets(config: str, targets: Sequence[str]) -> list[str]:
    """As `--set` would give them. Raises ConfigError, also where no stage of this pipeline follows targets."""
    if not targets:
        return []
    from stages.target.wishes import parse_wish

    for text in targets:
        try:
            parse_wish(text)
        except ValueError as error:
            raise ConfigError(f"--target {error}") from error
    stages = _stages(config)
    takers = [str(stage["name"]) for stage in stages if FIELD in stage_fields(str(stage.get("uses")))]
    if not takers:
        raise ConfigError(f"--target: no stage of {config} follows targets; `cleanplate run remove-target` has one")
    return [f"{name}.{FIELD}={json.dumps(list(targets))}" for name in takers]


def check(plan: Plan, frames: int | None) -> None:
    """Where a stage follows targets, there is one, and it comes within the `frames` that are wanted. Raises
    ConfigError."""
    for built in plan.stages:
        wanted = getattr(built.stage, FIELD, None)
        if not isinstance(wanted, list):
            continue
        if not wanted:
            raise ConfigError(
                f"{plan.config.name}: what is to be followed? Give --target x,y,w,h@frame or class:number@frame"
            )
        from stages.target.wishes import parse_wish

        for wish in map(parse_wish, wanted):
            if frames is not None and wish.frame >= frames:
                raise ConfigError(f"--target {wish.text}: with --frames {frames} there is no frame {wish.frame}")


def offers(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `--target`: the classes that the pipeline on the line looks for."""
    try:
        stages = _stages(ctx.params.get("config") or "remove-target")
    except ConfigError:  # a half-typed line: there is nobody to tell
        return []
    about = "the best scored one in frame 0; :2@10 the second in frame 10"
    return [(name, about) for stage in stages for name in (stage.get("with") or {}).get("classes") or []]


def _stages(config: str) -> list[dict[str, Any]]:
    listed = read_yaml(config)[1].get("stages")
    return [stage for stage in listed if isinstance(stage, dict)] if isinstance(listed, list) else []
