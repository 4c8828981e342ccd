"""`cleanplate init`: write a configuration of one's own to start from, every field of every stage in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from pipeline.cli import complete
from pipeline.config import BuiltStage, PipelineConfig, StageConfig, load_config
from pipeline.errors import ConfigError
from pipeline.importer import load_class

SCHEMA = "cleanplate.schema.json"

HELP = """Write a commented configuration to start from: what is set, and every other field with its default.

Examples:

  cleanplate init remove-people --output mine.yaml

  cleanplate schema > cleanplate.schema.json   # beside it, for the editor
"""


def init(
    name: Annotated[
        str,
        typer.Argument(
            help="The configuration to start from: a shipped one, or a file.", autocompletion=complete.configs
        ),
    ] = "remove-people",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUTPUT", help="The file to write; NAME.yaml by default.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    path = output or Path(f"{name}.yaml")
    text = render(name)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists; choose another with --output") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    print(f"{path}: check it with `cleanplate check {path}`, run it with `cleanplate run {path} -i IN -o OUT`")


def render(name: str) -> str:
    """The text of the new file. Raises ConfigError."""
    plan = load_config(name, given="in.mp4", wanted="out.mp4", environment={})
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# `cleanplate schema > {SCHEMA}` makes that schema. A key behind a # is not set, and shows its default.",
        f"name: {plan.config.name}",
        *_fields(PipelineConfig.model_fields, _given(plan.config), but=("name", "stages")),
        "stages:",
    ]
    for built in plan.stages:
        lines += _stage(built)
    return "\n".join(lines) + "\n"


def _stage(built: BuiltStage) -> Iterator[str]:
    yield f"  - name: {built.config.name}"
    yield f"    uses: {built.config.uses}"
    one = ("workers", "autoscale") if built.stage.stateful else ()
    yield from _fields(StageConfig.model_fields, _given(built.config), but=("name", "uses", "options", *one), indent=4)
    given = built.config.options
    lines = list(_options(built, given))
    if lines:
        yield "    with:" if given else "    # with:"
        yield from lines


def _options(built: BuiltStage, given: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a stage's class; for one that stands for several, those of each of them, the likeliest first."""
    cls = load_class(built.config.uses)
    kinds = [type(built.stage), *(kind for kind in getattr(cls, "kinds", tuple)() if kind is not type(built.stage))]
    told = {"input", "output"} - given.keys()  # these come from the command line
    for kind in kinds:
        fields = {name: field for name, field in kind.model_fields.items() if name not in told}
        if fields and kind is not kinds[0]:
            yield f"      # {kind.__name__}: {(kind.__doc__ or '').strip().splitlines()[0]}"
        yield from _fields(fields, given, indent=6)
        told |= fields.keys()


def _given(config: BaseModel) -> dict[str, Any]:
    """What was set, as it stands in a file."""
    return config.model_dump(mode="json", exclude_unset=True)


def _fields(
    fields: Mapping[str, FieldInfo], given: Mapping[str, Any], *, but: Iterable[str] = (), indent: int = 0
) -> Iterator[str]:
    """One line a field: set, or a comment with its default."""
    for name, field in fields.items():
        if name in but:
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        value = given.get(name, default)
        line = f"{' ' * indent}{'' if name in given else '# '}{name}: {_plain(value)}"
        yield f"{line:<44}  # {field.description}" if field.description else line


def _plain(value: Any) -> str:
    """The value as YAML on one line."""
    plain = to_jsonable_python(value, fallback=str)
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("...").strip()
