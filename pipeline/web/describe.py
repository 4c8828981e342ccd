"""Describes pipelines as a page needs them: their stages, and the fields that make sense to who uses it.

It brings in every stage, and OpenCV with them, so it runs in a process of its own: `python -m pipeline.web.describe`
takes a JSON list of configurations on stdin and writes {"pipelines": [...], "problems": [...]} on stdout.

Which fields are shown:

* of a transform all but its plumbing (HIDDEN), what has a route of its own (STEERED), and free texts: a text that may
  be anything may be a path of this machine. A model is chosen from the known ones, never as a file. Where a pipeline
  protects, nothing is shown that would lift that for everybody at once (LIFTING).
* of a source and a sink only OF_SOURCE and OF_SINK: where from and where to is not the configuration's matter here.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import BuiltStage, Plan, load_config
from pipeline.errors import CleanplateError
from pipeline.frame import EFFECTS
from pipeline.reading import read_yaml, shipped
from pipeline.stage import Stage
from pipeline.web.fillable import choices, is_fillable
from pipeline.web.orders import SINK, Outlet, assembled

HIDDEN = frozenset({"input", "output", "weights", "engine", "device", "precision"})
LIFTING = frozenset({"remove", "allow_weak"})
STEERED = {
    "choose": frozenset({"kept", "chosen"}), "zones": frozenset({"hide", "spare"}), "rules": frozenset({"rules"}),
}  # fmt: skip
OF_SOURCE = frozenset({"start", "end"})
OF_SINK = frozenset({"codec", "crf", "preset", "audio"})
TARGETS = "targets"


def main() -> None:
    found, problems = [], []
    for where in json.loads(sys.stdin.read()):
        try:
            found.append(pipeline(where))
        except CleanplateError as error:
            problems.append(str(error))
    json.dump({"pipelines": found, "problems": problems}, sys.stdout)


def pipeline(where: str) -> dict[str, Any]:
    """All that is told of a configuration, and `steer`, `where`: for the web process alone. Raises ConfigError."""
    _, raw = read_yaml(where)
    made = assembled(raw, {}, (Outlet(name=_sink_name(raw), output="null:"),))
    plan = _loaded(made, where)
    source = raw["stages"][0].get("with") or {}
    writes = {plane for built in plan.stages for plane in built.stage.writes}
    closed = getattr(plan.config, "fail", "open") == "closed"
    rules, effects = _steered(plan, "rules"), _effects(plan, writes)
    return {
        "name": where if where in shipped() else Path(where).stem,
        "title": plan.config.name.replace("-", " ").replace("_", " ").capitalize(),
        "about": _about(shipped().get(where, Path(where))),
        "privacy": closed,
        "live": plan.config.on_full == "drop_oldest" or ":" in str(source.get("input", "")),
        "targets": any(TARGETS in type(built.stage).model_fields for built in plan.stages),
        "views": _views(writes, closed=closed),
        "stages": list(_stages(plan, raw, effects, closed=closed)),
        "choose": not closed and _steered(plan, "choose") is not None,
        "rules": None if rules is None else {"effects": effects},
        "zones": _steered(plan, "zones") is not None,
        "where": where,
        "steer": {what: _steered(plan, what) for what in STEERED}
        | {TARGETS: next((b.name for b in plan.stages if TARGETS in type(b.stage).model_fields), None)},
        "sink": _sink_name(raw),
        "source": plan.stages[0].name,
    }


def _loaded(made: Mapping[str, Any], where: str) -> Plan:
    """As a session would have it, from a camera to nowhere."""
    import tempfile

    import yaml

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(where).stem}.yaml"
        path.write_text(yaml.safe_dump(dict(made), sort_keys=False))
        return load_config(str(path), given="cam:test")


def _sink_name(raw: Mapping[str, Any]) -> str:
    stages = raw.get("stages")
    last = stages[-1] if isinstance(stages, list) and stages else {}
    return str(last.get("name", "output")) if isinstance(last, dict) else "output"


def _views(writes: set[str], *, closed: bool) -> list[str]:
    """What may be looked at."""
    if closed:
        return ["result"]
    return ["input", "result", *(["overlay", "mask"] if "mask" in writes else [])]


def _steered(plan: Plan, what: str) -> str | None:
    """The stage whose live fields do this; the last one, which has the last word."""
    names = [built.name for built in plan.stages if STEERED[what] <= set(type(built.stage).live_fields())]
    return names[-1] if names else None


def _effects(plan: Plan, writes: set[str]) -> list[str]:
    """What can be shown in somebody's place: what the stage that covers knows, if what that needs is made for it."""
    from stages.privacy.removal import PLANE

    able: set[str] = set()
    for built in plan.stages:
        effect = type(built.stage).model_json_schema().get("properties", {}).get("effect", {})
        able |= {str(one) for one in effect.get("enum", [])}
    return [effect for effect in EFFECTS if effect in able and (effect != "remove" or PLANE in writes)]


def _stages(plan: Plan, raw: Mapping[str, Any], effects: list[str], *, closed: bool) -> Iterator[dict[str, Any]]:
    for at, built in enumerate(plan.stages[:-1]):
        role = "source" if at == 0 else "transform"
        shown = _offered(built.stage) - (LIFTING if closed else frozenset())
        fields = _source_fields(built) if at == 0 else _fields(built.stage, shown)
        for field in fields:
            if field["name"] == "effect":
                field["schema"]["enum"] = [one for one in field["schema"].get("enum", []) if one in effects]
        yield _stage(built, role, fields, scalable=not built.stage.stateful)
    from stages.output.file import File

    own = raw["stages"][-1]
    given = (own.get("with") or {}) if own.get("uses") == SINK else {}
    sink = File.model_validate({name: given[name] for name in OF_SINK if name in given})
    yield _stage(plan.stages[-1], "sink", _fields(sink, OF_SINK), scalable=False)


def _stage(built: BuiltStage, role: str, fields: list[dict[str, Any]], *, scalable: bool) -> dict[str, Any]:
    return {
        "name": built.name,
        "uses": built.config.uses,
        "role": role,
        "workers": built.workers,
        "scalable": scalable,
        "fields": fields,
    }


def _source_fields(built: BuiltStage) -> list[dict[str, Any]]:
    """Those of a file, where the source is picked by the address: for another one they mean nothing."""
    from stages.ingest.file import File

    if not built.config.uses.endswith(":Auto"):
        return _fields(built.stage, OF_SOURCE)
    known = {name: value for name, value in built.config.options.items() if name in OF_SOURCE}
    return _fields(File.model_validate(known), OF_SOURCE)


def _offered(stage: Stage) -> frozenset[str]:
    """Which fields of a transform are shown."""
    steered = frozenset().union(*(names for names in STEERED.values() if names <= set(type(stage).model_fields)))
    return frozenset(type(stage).model_fields) - HIDDEN - steered - {TARGETS}


def _fields(stage: Stage, wanted: frozenset[str]) -> list[dict[str, Any]]:
    whole = type(stage).model_json_schema()
    values = stage.model_dump(mode="json")
    found = []
    for name, raw in whole.get("properties", {}).items():
        schema = resolved(raw, whole.get("$defs", {}))
        schema |= choices(name, str(schema.get("default", "")))
        if name not in wanted or not is_fillable(name, schema, values[name]):
            continue
        found.append({
            "name": name,
            "value": values[name],
            "live": bool(schema.get("x-live")),
            "schema": {key: value for key, value in schema.items() if key not in ("title", "description")},
            "description": schema.get("description", ""),
        })  # fmt: skip
    return found


def resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references."""
    if isinstance(schema, list):
        return [resolved(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: resolved(value, definitions) for name, value in schema.items() if name != "$ref"}
    if "$ref" in schema:
        meant = definitions[str(schema["$ref"]).rpartition("/")[2]]
        made = {**resolved(meant, definitions), **made}
    return copy.deepcopy(made)


def _about(path: Path) -> str:
    """The first sentence of the comment at a configuration's head."""
    said: list[str] = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        text = line.lstrip("#").strip()
        if not line.startswith("#") or text.startswith("cleanplate ") or (said and not text):
            break
        if text and not text.startswith("yaml-language-server"):
            said.append(text)
    return " ".join(said).partition(". ")[0].removesuffix(".") + "." if said else ""


if __name__ == "__main__":
    main()
