"""`cleanplate init`: write a configuration of one's own to start from, every field of every stage in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline.config import BuiltStage, load_config
from pipeline.errors import ConfigError

HELP = """Write a commented configuration to start from: what is set, and every other field with its default.

Example:

  cleanplate init remove-people --output mine.yaml
"""


def init(
    name: Annotated[str, typer.Argument(help="The shipped configuration to start from.")] = "remove-people",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; NAME.yaml by default.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    path = output or Path(f"{name}.yaml")
    if path.exists():
        raise ConfigError(f"{path} exists; choose another with --output")
    path.write_text(render(name))
    print(f"{path}: check it with `cleanplate check {path}`, run it with `cleanplate run {path} -i IN -o OUT`")


def render(name: str) -> str:
    """The text of the new file. Raises ConfigError."""
    plan = load_config(name, given="in.mp4", wanted="out.mp4")
    lines = [
        "# yaml-language-server: $schema=cleanplate.schema.json   # made by: cleanplate schema",
        f"name: {plan.config.name}",
        "# slots: 8            # frames under way; chosen by default",
        "# on_full: block      # or drop_oldest, for live sources",
        f"# on_error: {plan.config.on_error}     # or stop: what becomes of a frame whose stage raised",
        "stages:",
    ]
    for built in plan.stages:
        lines += _stage(built)
    return "\n".join(lines) + "\n"


def _stage(built: BuiltStage) -> list[str]:
    lines = [f"  - name: {built.config.name}", f"    uses: {built.config.uses}"]
    if not built.stage.stateful:
        lines.append(f"    workers: {built.config.workers}")
    set_ones = built.config.options
    body = []
    for name, field in type(built.stage).model_fields.items():
        if name in ("input", "output"):
            continue  # these come from the command line
        value = set_ones.get(name, field.default)
        about = f"   # {field.description}" if field.description else ""
        body.append(f"      {'' if name in set_ones else '# '}{name}: {_plain(value)}{about}")
    has_set = any(name in set_ones for name in type(built.stage).model_fields)
    return lines + (["    with:" if has_set else "    # with:", *body] if body else [])


def _plain(value: Any) -> str:
    """The value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()
