"""`cleanplate schema`: the JSON schema of a configuration, for editors."""

from __future__ import annotations

import json
from typing import Any

from pipeline.config import PipelineConfig
from pipeline.importer import load_class
from pipeline.stage import Stage

HELP = """Print the JSON schema of a configuration.

Example (then put `# yaml-language-server: $schema=cleanplate.schema.json` first in your YAML):

  cleanplate schema > cleanplate.schema.json
"""

KNOWN = (
    "stages.ingest:File",
    "stages.segmentation:Segmentation",
    "stages.inpainting:Plate",
    "stages.inpainting:Inpainting",
    "stages.output:File",
)


def schema() -> None:
    print(json.dumps(build(), indent=1))


def build() -> dict[str, Any]:
    """The schema; `with` is checked for every stage that comes with the package."""
    content: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    content.update(PipelineConfig.model_json_schema(by_alias=True))
    content["$defs"]["StageConfig"]["allOf"] = [_fields(uses) for uses in KNOWN]
    return content


def _fields(uses: str) -> dict[str, Any]:
    """If a stage uses this class, its `with` has this class's fields; those of `Auto` are a file's."""
    cls: type[Stage] = load_class(uses)
    fields = cls.model_json_schema()
    fields.pop("required", None)  # the input and the output come from the command line
    names = [uses] + ([uses.replace(":File", ":Auto")] if uses.endswith(":File") else [])
    return {"if": {"properties": {"uses": {"enum": names}}}, "then": {"properties": {"with": fields}}}
