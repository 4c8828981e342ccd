"""`cleanplate init`: write a configuration of one's own to start from: what it is for, every field of every stage."""

from __future__ import annotations

import re
import textwrap
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
from pipeline.reading import shipped

SCHEMA = "cleanplate.schema.json"
WIDTH = 120
COLUMN = 44  # where comments behind keys begin
_REMARK = re.compile(r"\s*(- )?(\w+):.*?\s+# (.*)")

HELP = """Write a commented configuration to start from: what it is for, what is set, and every other field with its
meaning and its default.

USE is the name of a shipped configuration, such as remove-people, remove-target, privacy-faces, matte, semantic-codec
or live-camera, or a file of your own. The result is checked like any other: `cleanplate check FILE`.

Examples:

  cleanplate init remove-people --output mine.yaml

  cleanplate init privacy-faces                # writes privacy-faces.yaml

  cleanplate schema > cleanplate.schema.json   # beside it, for the editor
"""


def init(
    name: Annotated[
        str,
        typer.Argument(
            metavar="USE",
            help="The configuration to start from: a shipped one, or a file.",
            autocompletion=complete.configs,
        ),
    ] = "remove-people",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUTPUT", help="The file to write; USE.yaml by default.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    path = output or Path(f"{Path(name).stem}.yaml")
    text = render(name, str(path))
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists; choose another with --output") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    print(f"{path}: check it with `cleanplate check {path}`, run it with `cleanplate run {path} -i IN -o OUT`")


def render(name: str, path: str = "mine.yaml") -> str:
    """The text of the new file, which is to be run by that path. Raises ConfigError."""
    plan = load_config(name, given="in.mp4", wanted="out.mp4", environment={})
    source = shipped().get(name, Path(name)).read_text(encoding="utf-8-sig").splitlines()
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        *_opening(source, name, path),
        f"# A key behind a # is not set, and shows its default. `cleanplate schema > {SCHEMA}` tells an editor of all.",
        f"name: {plan.config.name}",
        *_fields(PipelineConfig.model_fields, _given(plan.config), but=("name", "stages")),
        "stages:",
    ]
    said = _remarks(source)
    for built in plan.stages:
        lines += _stage(built, said.get(built.config.name, {}))
    return "\n".join(lines) + "\n"


def _opening(source: Iterable[str], name: str, path: str) -> Iterator[str]:
    """What a configuration says of itself before its first key, its examples about the new file."""
    for line in source:
        if not line.startswith("#"):
            break
        if "yaml-language-server:" not in line:
            yield re.sub(rf"(cleanplate \w+) {re.escape(name)}(?=\s|$)", rf"\1 {path}", line)
    yield "#"


def _remarks(source: Iterable[str]) -> dict[str, dict[str, str]]:
    """What stands behind keys, by stage and key."""
    found: dict[str, dict[str, str]] = {}
    stage = ""
    for line in source:
        if begun := re.match(r"\s*- name: ([\w-]+)", line):
            stage = begun[1]
        if stage and (remark := _REMARK.fullmatch(line)):
            found.setdefault(stage, {})[remark[2]] = remark[3]
    return found


def _stage(built: BuiltStage, said: Mapping[str, str]) -> Iterator[str]:
    """The lines of a stage; `said`: what its configuration remarks on its keys."""
    yield from _line(f"  - name: {built.config.name}", said.get("name"))
    yield f"    uses: {built.config.uses}"
    one = ("workers", "autoscale") if built.stage.stateful else ()
    but = ("name", "uses", "options", *one)
    yield from _fields(StageConfig.model_fields, _given(built.config), but=but, indent=4, said=said)
    given = built.config.options
    lines = list(_options(built, given))
    if lines:
        yield from _line("    with:" if given else "    # with:", said.get("with"))
        yield from lines


def _options(built: BuiltStage, given: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a stage's class; for one that stands for several, those of each of them, the likeliest first."""
    cls = load_class(built.config.uses)
    kinds = [type(built.stage), *(kind for kind in getattr(cls, "kinds", tuple)() if kind is not type(built.stage))]
    told = {"input", "output"} - given.keys()  # these come from the command line
    for kind in kinds:
        fields = {name: field for name, field in kind.model_fields.items() if name not in told}
        if fields and kind is not kinds[0]:
            yield from _prose(f"{kind.__name__}: {_first_sentence(kind)}", 6)
        yield from _fields(fields, given, indent=6)
        told |= fields.keys()


def _given(config: BaseModel) -> dict[str, Any]:
    """What was set, as it stands in a file."""
    return config.model_dump(mode="json", exclude_unset=True)


def _first_sentence(kind: type) -> str:
    return re.split(r"(?<=\w[.;:])\s", " ".join((kind.__doc__ or "").split()), maxsplit=1)[0].rstrip(".;:")


def _fields(
    fields: Mapping[str, FieldInfo],
    given: Mapping[str, Any],
    *,
    but: Iterable[str] = (),
    indent: int = 0,
    said: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """A line for each field: set, or a comment with its default; and what it means, or what was `said` of its value."""
    for name, field in fields.items():
        if name in but:
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        value = given.get(name, default)
        line = f"{' ' * indent}{'' if name in given else '# '}{name}: {_plain(value)}"
        yield from _line(line, (said or {}).get(name) or field.description)


def _line(line: str, meaning: str | None) -> Iterator[str]:
    """The line with what it means: behind it, or where that is too long, before it."""
    behind = f"{line:<{COLUMN}}  # {meaning}" if meaning else line
    if len(behind) <= WIDTH or not meaning:
        yield behind
        return
    yield from _prose(meaning, len(line) - len(line.lstrip()))
    yield line


def _prose(text: str, indent: int) -> Iterator[str]:
    """A comment that no key can be mistaken for: three blanks stand before it."""
    sign = f"{' ' * indent}#   "
    yield from textwrap.wrap(text, WIDTH, initial_indent=sign, subsequent_indent=sign, break_long_words=False)


def _plain(value: Any) -> str:
    """The value as YAML on one line."""
    plain = to_jsonable_python(value, fallback=str)
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("...").strip()
