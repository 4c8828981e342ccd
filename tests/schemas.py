"""JSON Schema, as much of it as ours use: whether a value is valid, and where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float),
    "integer": int,
}  # fmt: skip
SILENT = {"title", "description", "default", "$defs", "$schema", "examples", "format", "x-live"}  # they forbid nothing
BOUNDS = {
    "multipleOf": lambda value, rule: value % rule == 0,
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
LENGTHS = {"minItems": 1, "minLength": 1, "maxItems": -1, "maxLength": -1}


def complaints(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[str]:
    """What is wrong with a value. Raises NotImplementedError for a keyword that is not known here."""
    for key, rule in schema.items():
        yield from _by(key, rule, value, schema, root, at)


def _by(key: str, rule: Any, value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    def fits(part: dict[str, Any], one: Any = value) -> bool:
        return not list(complaints(one, part, root))

    if key in SILENT or key in ("then", "else"):
        return
    if key == "$ref":
        target: Any = root
        for step in rule.removeprefix("#/").split("/"):
            target = target[step]
        yield from complaints(value, target, root, at)
    elif key == "type":
        if not isinstance(value, TYPES[rule]) or (isinstance(value, bool) and rule in ("integer", "number")):
            yield f"{at}: {value!r} is no {rule}"
    elif key == "enum":
        if value not in rule:
            yield f"{at}: {value!r} is none of {rule}"
    elif key == "const":
        if value != rule:
            yield f"{at}: {value!r} is not {rule!r}"
    elif key in ("anyOf", "oneOf"):
        if not any(map(fits, rule)):
            yield f"{at}: {value!r} fits none of {len(rule)}"
    elif key == "allOf":
        for part in rule:
            yield from complaints(value, part, root, at)
    elif key == "if":
        yield from complaints(value, schema.get("then" if fits(rule) else "else", {}), root, at)
    elif key in BOUNDS:
        if isinstance(value, (int, float)) and not BOUNDS[key](value, rule):
            yield f"{at}: {value!r} is beyond {rule}"
    elif key in LENGTHS:
        if isinstance(value, (str, list)) and len(value) * LENGTHS[key] < rule * LENGTHS[key]:
            yield f"{at}: {key} {rule}"
    elif key == "pattern":
        if isinstance(value, str) and not re.search(rule, value):
            yield f"{at}: {value!r} does not match"
    elif key in ("properties", "required", "additionalProperties", "propertyNames"):
        if isinstance(value, dict):
            yield from _of_object(key, rule, value, schema, root, at)
    elif key in ("items", "prefixItems"):
        if isinstance(value, list):
            parts = rule if key == "prefixItems" else [rule] * len(value)
            for number, (one, part) in enumerate(zip(value, parts, strict=False)):
                yield from complaints(one, part, root, f"{at}[{number}]")
    else:
        raise NotImplementedError(key)


def _of_object(
    key: str, rule: Any, value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    if key == "properties":
        for name in value.keys() & rule.keys():
            yield from complaints(value[name], rule[name], root, f"{at}.{name}")
    elif key == "required":
        yield from (f"{at}: {name} is missing" for name in rule if name not in value)
    elif key == "additionalProperties":
        for name in value.keys() - schema.get("properties", {}).keys():
            if rule is False:
                yield f"{at}: {name} is not known"
            elif rule is not True:
                yield from complaints(value[name], rule, root, f"{at}.{name}")
