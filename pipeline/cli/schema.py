"""`cleanplate schema`: the JSON schema of a configuration, for editors."""

from __future__ import annotations

import json
from typing import Any

from pipeline.config import PipelineConfig
from pipeline.importer import load_class
from pipeline.stage import Stage

HELP = """Print the JSON schema of a configuration.

An editor uses it for a file that begins with `# yaml-language-server: $schema=cleanplate.schema.json`.

Example:

  cleanplate schema > cleanplate.schema.json
"""

KNOWN = {  # what `uses` may say: the class whose fields `with` takes
    ("stages.ingest:Auto", "stages.ingest.file:File"): "stages.ingest.file:File",
    ("stages.segmentation:Segmentation",): "stages.segmentation:Segmentation",
    ("stages.inpainting:Plate",): "stages.inpainting:Plate",
    ("stages.inpainting:Inpainting",): "stages.inpainting:Inpainting",
    ("stages.output:Auto", "stages.output.file:File"): "stages.output.file:File",
}


def schema() -> None:
    print(json.dumps(build(), indent=1))


def build() -> dict[str, Any]:
    """The schema; `with` is checked for every stage that comes with the package."""
    content: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    content.update(PipelineConfig.model_json_schema(by_alias=True))
    content["$defs"]["StageConfig"]["allOf"] = [_fields(names, cls) for names, cls in KNOWN.items()]
    return content


def _fields(names: tuple[str, ...], path: str) -> dict[str, Any]:
    """If a stage uses one of these names, its `with` has the fields of this class."""
    cls: type[Stage] = load_class(path)
    fields = cls.model_json_schema()
    fields.pop("required", None)  # the input and the output come from the command line
    return {"if": {"properties": {"uses": {"enum": list(names)}}}, "then": {"properties": {"with": fields}}}
