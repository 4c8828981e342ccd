"""The reference of the stages: a page for each package of them, a table of fields for each class."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from manual.values import cell, default, values
from pipeline.cli.schema import known_stages
from pipeline.stage import Sink, Source, Stage

ON_COMMAND_LINE = {"input": "`--input`", "output": "`--output`"}
SHAPES = {Source: "Source", Sink: "Sink"}
ORDER = ("ingest", "segmentation", "tracking", "target", "inpainting", "privacy", "matting", "codec", "output")
HEAD = """# stages.{name}

<!-- Written by `python -m manual` from the classes themselves; change it there. -->

{about}

*Live* fields can be changed while frames flow: `cleanplate set NAME STAGE.FIELD=VALUE`.
"""


def pages() -> dict[str, str]:
    """Each page of the stages by its name, such as `stages-output.md`."""
    groups = groupby(_sorted(), key=lambda found: _package(found[0]))
    return {f"stages-{name}.md": _page(name, dict(found)) for name, found in groups}


def _sorted() -> list[tuple[type[Stage], list[str]]]:
    def place(found: tuple[type[Stage], list[str]]) -> tuple[int, bool, str]:
        cls, names = found
        return ORDER.index(_package(cls)), names[0].count(".") > 1, cls.__name__

    return sorted(known_stages().items(), key=place)


def _package(cls: type[Stage]) -> str:
    return cls.__module__.split(".")[1]


def _page(name: str, found: dict[type[Stage], list[str]]) -> str:
    first = next(iter(found))
    lines = [HEAD.format(name=name, about=_about(first))]
    for cls, names in found.items():
        lines += _section(cls, names)
    return "\n".join(lines) + "\n"


def _about(cls: type[Stage]) -> str:
    """The first sentence of the package that the class belongs to."""
    package = importlib.import_module(".".join(cls.__module__.split(".")[:2]))
    return (inspect.getdoc(package) or "").split("\n\n")[0]


def _section(cls: type[Stage], names: list[str]) -> Iterator[str]:
    yield f"## {cls.__name__}\n"
    yield f"`uses: {names[0]}`\n"
    yield f"{prose(inspect.getdoc(cls) or '')}\n"
    if kinds := getattr(cls, "kinds", None):
        yield "It stands for, and takes the fields of:\n"
        yield from (f"- [`{kind.__module__}:{kind.__name__}`](#{kind.__name__.lower()})" for kind in kinds())
        yield ""
        return
    yield from _nature(cls)
    yield from _table(cls)


def prose(text: str) -> str:
    """A docstring as prose of Markdown: what looks like a tag is none."""
    return text.replace("<", "&lt;")


def _nature(cls: type[Stage]) -> Iterator[str]:
    """What planes it reads and writes, and whether it may have several workers."""
    shape = next((word for base, word in SHAPES.items() if issubclass(cls, base)), "Transform")
    planes = [
        f"{verb} {_planes(names)}"
        for verb, names in (("reads", cls.reads), ("may read", cls.may_read), ("writes", cls.writes))
        if names
    ]
    workers = "one worker" if cls.stateful else "any number of workers"
    yield f"*{shape}*: {'; '.join([*planes, workers])}.\n"


def _planes(names: Any) -> str:
    if isinstance(names, property):
        return "what its fields ask for"
    return ", ".join(f"`{name}`" for name in names)


def _table(cls: type[Stage]) -> Iterator[str]:
    schema = cls.model_json_schema()
    fields, live = schema.get("properties", {}), cls.live_fields()
    if not fields:
        return
    yield "| field | holds | default | live | |\n|---|---|---|:-:|---|"
    for name, field in fields.items():
        usual = ON_COMMAND_LINE.get(name) or ("*needed*" if name in schema.get("required", ()) else default(field))
        about = field.get("description", "")
        row = name, values(field, schema.get("$defs", {})), usual, "yes" if name in live else "", about
        yield "| `{}` | {} | {} | {} | {} |".format(row[0], *(cell(one) for one in row[1:]))
    yield ""
