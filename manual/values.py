"""What a field may hold, in words and in one cell of a table, from its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

NAMES = {"string": "text", "boolean": "true or false", "null": "nothing", "object": "mapping"}


def values(field: Schema, definitions: Schema) -> str:
    """Such as `integer, 0 to 30`; `definitions` are what `$ref` refers to."""
    if "$ref" in field:
        return values(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if several := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(values(one, definitions) for one in several))
    if "const" in field or "enum" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    kind: str = field.get("type", "anything")
    if kind == "array":
        return _list(field, definitions)
    if kind == "object" and (inner := field.get("properties")):
        return "mapping of " + ", ".join(f"`{name}`" for name in inner)
    return NAMES.get(kind, kind) + _bounds(field)


def _list(field: Schema, definitions: Schema) -> str:
    """A list, or so many of something where their number is fixed."""
    inner = field.get("items") or {"type": "anything"}
    if "prefixItems" in field:
        return "list of " + ", ".join(values(one, definitions) for one in field["prefixItems"])
    least, most = field.get("minItems"), field.get("maxItems")
    number = f"{most} x " if least == most and most else ""
    held = values(inner, definitions)
    return f"list of {number}({held})" if inner.get("type") == "array" else f"list of {number}{held}"


def _bounds(field: Schema) -> str:
    """`, 0 to 30`, `, more than 0`, `, a multiple of 32`; empty where anything goes."""
    parts = []
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{_number(low)} to {_number(high)}")
    elif low is not None:
        parts.append(f"at least {_number(low)}")
    elif high is not None:
        parts.append(f"at most {_number(high)}")
    if (above := field.get("exclusiveMinimum")) is not None:
        parts.append(f"more than {_number(above)}")
    if (below := field.get("exclusiveMaximum")) is not None:
        parts.append(f"less than {_number(below)}")
    if (step := field.get("multipleOf")) is not None:
        parts.append(f"a multiple of {_number(step)}")
    if pattern := field.get("pattern"):
        parts.append(f"as `{pattern}`")
    return "".join(f", {part}" for part in parts)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def default(field: Schema) -> str:
    """As it would stand in YAML; empty where nothing is set."""
    value = field.get("default")
    if value is None or value == "":
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def cell(text: str) -> str:
    """Text that stays within a cell of a Markdown table, in one line."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
