"""`cleanplate schema`: the JSON schema of a configuration, for editors."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import ModuleType
from typing import Any

import stages
from pipeline.config import PipelineConfig
from pipeline.stage import Sink, Source, Stage, Transform

HELP = """Print the JSON schema of a configuration.

An editor uses it for a file that begins with `# yaml-language-server: $schema=cleanplate.schema.json`.

Example:

  cleanplate schema > cleanplate.schema.json
"""

WORK = {Source: "frames", Transform: "process", Sink: "write"}  # what a stage that can be used has of its own


def schema() -> None:
    print(json.dumps(build(), indent=1))


def build() -> dict[str, Any]:
    """The schema; `with` is checked for every stage that comes with the package."""
    content: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    content.update(PipelineConfig.model_json_schema(by_alias=True))
    content["$defs"]["StageConfig"]["allOf"] = [
        {
            "if": {"properties": {"uses": {"enum": names}}, "required": ["uses"]},
            "then": {"properties": {"with": _fields(cls, content["$defs"])}},
        }
        for cls, names in known_stages().items()
    ]
    return content


def known_stages() -> dict[type[Stage], list[str]]:
    """Every stage that can be used, with what `uses` may say for it: found in the package `stages`, not listed here.

    It is named after its own module, and after a package around it that offers it as well."""
    found: dict[type[Stage], list[str]] = {}
    for module in _modules():
        for name, cls in vars(module).items():
            if isinstance(cls, type) and issubclass(cls, Stage) and _is_usable(cls) and not name.startswith("_"):
                around = hasattr(module, "__path__") and cls.__module__.startswith(f"{module.__name__}.")
                if around or cls.__module__ == module.__name__:
                    found.setdefault(cls, []).append(f"{module.__name__}:{name}")
    return {cls: found[cls] for cls in sorted(found, key=_place)}


def _modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(stages.__path__, "stages.")
    return [importlib.import_module(info.name) for info in sorted(found, key=lambda info: info.name)]


def _place(cls: type[Stage]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _is_usable(cls: type[Stage]) -> bool:
    """Not a base that others build on: it does the work itself, or stands for some that do."""
    return hasattr(cls, "kinds") or any(
        issubclass(cls, shape) and getattr(cls, work) is not getattr(shape, work) for shape, work in WORK.items()
    )


def _fields(cls: type[Stage], definitions: dict[str, Any]) -> dict[str, Any]:
    """What `with` may hold for this class; for one that stands for several, what it may hold for any of them."""
    kinds: tuple[type[Stage], ...] = cls.kinds() if hasattr(cls, "kinds") else (cls,)
    whole: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    for kind in kinds:
        prefix = f"{kind.__module__}.{kind.__name__}"  # the definitions of all stages come together at the root
        fields = kind.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
        definitions |= {f"{prefix}.{name}": definition for name, definition in fields.get("$defs", {}).items()}
        for name, field in fields.get("properties", {}).items():
            other = whole["properties"].get(name)
            whole["properties"][name] = field if other in (None, field) else {"anyOf": [other, field]}
        needed = set(fields.get("required", ())) - {"input", "output"}  # these come from the command line
        if len(kinds) == 1 and needed:
            whole["required"] = sorted(needed)
    return whole
