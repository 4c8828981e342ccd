"""The reference of the keys that stand around the stages: of a pipeline, of each stage in it, and of what they hold."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from manual.values import cell, default, values
from pipeline.environment import PREFIX
from pipeline.plan import Autoscale, GpuConfig, PipelineConfig, RestartPolicy, StageConfig

HEAD = f"""# The keys of a pipeline

<!-- Written by `python -m manual` from pipeline/plan.py; change it there. -->

A configuration is a YAML file. `cleanplate check FILE` says whether it is right, `cleanplate init NAME` writes one with
every key in it, and [cleanplate.schema.json](../cleanplate.schema.json) is its schema, for editors.

A value may come from three places; the later goes before the earlier:

1. the file;
2. the environment: `{PREFIX}ON_FULL=drop_oldest`, `{PREFIX}INPAINTING__WORKERS=2`, `{PREFIX}SEGMENTATION__GROW=12`;
3. the command line: `--set on_full=drop_oldest --set inpainting.workers=2 --set segmentation.grow=12`.

Keys and values that are not known are refused, with the nearest ones that are.
"""
TABLES: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("The pipeline", PipelineConfig, "At the top of the file."),
    ("A stage", StageConfig, "One item of `stages`. What stands under `with` are the fields of its class."),
    ("`autoscale`", Autoscale, "As many workers as the backlog asks for, within these bounds."),
    ("`restart`", RestartPolicy, "How often a stage may die before it has done anything, until the run is given up."),
    ("`gpu`", GpuConfig, "How the workers of a run share a GPU."),
)


def page() -> str:
    lines = [HEAD]
    for title, model, about in TABLES:
        lines += [f"## {title}\n", f"{about}\n", *_table(model), ""]
    return "\n".join(lines)


def _table(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    yield "| key | holds | default | |\n|---|---|---|---|"
    for name, field in schema["properties"].items():
        needed = "*needed*" if name in schema.get("required", ()) else default(field)
        holds = values(field, schema.get("$defs", {}))
        row = holds, needed, field.get("description", "")
        yield "| `{}` | {} | {} | {} |".format(name, *(cell(one) for one in row))
