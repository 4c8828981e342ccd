"""Fillable: which fields of a stage a stranger may fill in: none by which a path or an address of his gets to a stage.

A text that may be anything may be a path of this machine, which a stage would read, or an address, which it would call
up. Such a field is not shown, and what is not shown cannot be set, unless it takes one of what is known here
(`choices`), or its stage compares it to what it knows, or only writes it (CHECKED).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

CHECKED = frozenset({"classes", "scores", "min_sizes", "watermark"})
CHOSEN = frozenset({"model", "detectors", "template"})  # by names
TASKS = ("segment", "inpaint")
FINDING = ("detect", "segment")  # the tasks of what may stand among `detectors`
HOSTILE = ("/etc/passwd", "../x", "a/b.png", "~/x", "x.onnx", "http://10.0.0.1/x", "C:\\x")


def is_fillable(name: str, schema: Mapping[str, Any], value: Any) -> bool:
    """Whether anybody may set the field of this name to whatever its schema takes, and see its present value."""
    if name in CHOSEN:  # where the configuration names a file of this machine, that is nobody's business
        known = schema.get("enum", schema.get("items", {}).get("enum", ()))
        return all(one in known for one in (value if isinstance(value, list) else [value]))
    return name in CHECKED or not is_free_text(schema)


def choices(name: str, default: str) -> dict[str, Any]:
    """What of a schema is to be another, so that the field takes names of what is known here, and nothing else."""
    match name:
        case "model":
            return _models(default)
        case "detectors":
            return {"items": {"type": "string", "enum": _known(FINDING)}}
        case "template":
            from stages.privacy.templates import names

            return {"enum": list(names())}
    return {}


def is_free_text(schema: Any) -> bool:
    """Whether a text that may be anything can stand there, also in a list, or in a table: as a name or as a value."""
    if isinstance(schema, list):
        return any(map(is_free_text, schema))
    if not isinstance(schema, Mapping):
        return schema is True
    if {"enum", "const"} & schema.keys():
        return False
    branches = [schema[key] for key in ("anyOf", "oneOf", "allOf") if key in schema]
    if branches or "type" not in schema:  # of what is not said may be anything
        return not branches or is_free_text(branches)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return (
        ("string" in kinds and _lets_paths_pass(schema.get("pattern")))
        or ("array" in kinds and any(is_free_text(schema.get(key, True)) for key in _listed(schema)))
        or ("object" in kinds and _is_free_table(schema))
    )


def _lets_paths_pass(pattern: str | None) -> bool:
    return pattern is None or any(re.search(pattern, text) for text in HOSTILE)


def _listed(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Where it is said what a list holds."""
    if "prefixItems" not in schema:
        return ("items",)
    return ("prefixItems", "items") if "items" in schema else ("prefixItems",)


def _is_free_table(schema: Mapping[str, Any]) -> bool:
    """One with names of its own, or with a value that may be anything."""
    named: Mapping[str, Any] = schema.get("properties", {})
    return schema.get("additionalProperties", True) is not False or any(map(is_free_text, named.values()))


def _models(default: str) -> dict[str, Any]:
    """The models that may stand in the place of this one."""
    for task in TASKS:
        names = _known((task,))
        if default in names or (default == "auto" and task == "inpaint"):
            return {"enum": list(dict.fromkeys([default, *names]))}
    return {"enum": [default]}


def _known(tasks: Sequence[str]) -> list[str]:
    from models.registry import ENTRIES

    return [entry.name for entry in ENTRIES if entry.task in tasks]
