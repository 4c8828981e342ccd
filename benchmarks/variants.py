"""The same pipeline with something else in a place: another source, other workers, stand-ins for what holds a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config import BuiltStage, Plan, load_config

STAND_IN = "benchmarks.standins:StandIn"


def variant(
    plan: Plan,
    folder: Path,
    *,
    source: tuple[str, dict[str, Any]] | None = None,
    workers: Mapping[str, int] | None = None,
    stand_ins: Mapping[str, Mapping[str, float]] | None = None,
    on_full: str | None = None,
) -> Plan:
    """The plan with these changes; the folder is for its configuration. Raises ConfigError.

    `source`: class and fields of another first stage. `workers`: how many, by stage; slots grow with them.
    `stand_ins`: by stage, the `service_ms` and `cpu_ms` that one takes. Nothing scales by itself."""
    content = plan.config.model_dump(mode="json", by_alias=True, exclude={"stages"})
    content["on_full"] = on_full or plan.config.on_full
    if workers:
        content["slots"] = None
    content["stages"] = [
        _entry(built, (workers or {}).get(built.name), (stand_ins or {}).get(built.name)) for built in plan.stages
    ]
    if source:
        content["stages"][0] |= {"uses": source[0], "with": source[1]}
    path = folder / "variant.yaml"
    path.write_text(json.dumps(content))  # YAML can be written as JSON
    return load_config(str(path), environment={})  # what the environment says is in the plan already


def _entry(built: BuiltStage, workers: int | None, times: Mapping[str, float] | None) -> dict[str, Any]:
    entry = built.config.model_dump(mode="json", by_alias=True)
    entry |= {"uses": built.uses, "with": dict(built.options), "workers": workers or built.config.workers}
    if times:
        taken = {key: times[key] for key in ("service_ms", "cpu_ms")}
        entry |= {"uses": STAND_IN, "with": {"stands_for": built.uses, **taken}}
    return {key: value for key, value in entry.items() if key != "autoscale"}
