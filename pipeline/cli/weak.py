"""`--allow-weak`: which values of a configuration insist on effects that its stages would refuse."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.errors import ConfigError
from pipeline.reading import read_yaml

COVERS = "stages.privacy:Cover", "stages.privacy.cover:Cover"
AllowWeak = Annotated[
    bool, typer.Option("--allow-weak", help="Take effects that are too weak: people can be recognised.")
]


def as_sets(config: str, insisted: bool) -> list[str]:
    """For each stage that covers, that it is to take weak effects. Raises ConfigError where there is none."""
    if not insisted:
        return []
    label, raw = read_yaml(config)
    stages = raw.get("stages")
    named = [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    found = [f"{stage.get('name')}.allow_weak=true" for stage in named if stage.get("uses") in COVERS]
    if not found:
        raise ConfigError(f"--allow-weak: {label} has no stage that covers ({COVERS[0]})")
    return found
