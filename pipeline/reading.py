"""YAML in, plain data out, and errors in one line: strict, bounded, and quick to point at what is meant."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import ConfigError
from pipeline.masking import masked

MAX_FILE = 1 << 16
MAX_DEPTH = 20
# What PyYAML raises over values that do not fit their tags, beside its own errors.
_MISFITS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _StrictLoader(yaml.SafeLoader):
    """YAML without duplicate keys, aliases, deep nesting, or bytes (which cannot travel to the workers as JSON)."""

    yaml_constructors = {
        tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag != "tag:yaml.org,2002:binary"
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.MarkedYAMLError(problem="a key must be a plain value", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def shipped() -> dict[str, Path]:
    """The configurations that come with the package, by name."""
    folder = Path(str(resources.files("configs")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_yaml(where: str) -> tuple[str, dict[str, Any]]:
    """The label and content of the configuration at a path, or of a shipped name. Raises ConfigError."""
    path = shipped().get(where, Path(where))
    label = where if where in shipped() else printable(path.name)
    try:
        if not path.is_file():
            names = list(shipped())
            raise ConfigError(
                f"no configuration {where!r}: neither a file nor one of {', '.join(names)}{close_match(where, names)}"
            )
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{label}: larger than {MAX_FILE} bytes")
        content = _parse(path.read_text(encoding="utf-8-sig"), label)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{label}: not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(f"{label:.80}: {error.strerror}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{label}: expected keys and values, found {type(content).__name__}")
    return label, content


def read_value(text: str, label: str) -> Any:
    """The value of one override. Raises ConfigError."""
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506
    except (yaml.YAMLError, *_MISFITS) as error:
        raise ConfigError(f"{label}: {masked(repr(text)):.60} is not a YAML value") from error


def _parse(text: str, label: str) -> Any:
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{label}{line}: {printable(str(error.problem))}") from error
    except (yaml.YAMLError, *_MISFITS) as error:
        why = str(error).splitlines() or [type(error).__name__]
        raise ConfigError(f"{label}: not YAML ({printable(why[0])})") from error


def printable(text: str) -> str:
    """The text with what would break the line, or colour the terminal, as escapes; at most 80 characters."""
    return escaped(text[:80])


def escaped(text: str) -> str:
    """The text with what would break the line, or colour the terminal, as escapes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def close_match(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'classes'?`, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def explain(error: ValidationError, model: type[BaseModel], raw: Mapping[str, Any]) -> str:
    """One complaint of a validation in one line: key path, what is wrong, the close match.

    An unknown key comes before a missing one: it often is that one, misspelt."""
    first = _first(error)
    path = _path(first["loc"], raw)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        return f"{path}: no such field{close_match(key, _fields(model, first['loc'][:-1]))}{more}"
    if first["type"] == "missing":
        return f"{path}: is missing{more}"
    said = first["msg"][:1].lower() + first["msg"][1:]
    found_instead = "" if ", not " in said else f", not {masked(repr(first['input'])):.60}"
    return f"{path}: {printable(said)}{found_instead}{more}"


def culprit(error: ValidationError, raw: Mapping[str, Any]) -> str:
    """The key path of what `explain` explains."""
    return _path(_first(error)["loc"], raw)


def _first(error: ValidationError) -> ErrorDetails:
    found = error.errors(include_url=False)
    return next((one for one in found if one["type"] == "extra_forbidden"), found[0])


def _path(loc: tuple[int | str, ...], raw: Mapping[str, Any]) -> str:
    """A dotted path, with list items called by their name."""
    words: list[str] = []
    at: Any = raw
    for step in loc:
        try:
            at = at[step]
        except (KeyError, IndexError, TypeError):
            at = None
        named = isinstance(step, int) and isinstance(at, dict) and "name" in at
        words.append(printable(str(at["name"] if named else step)))
    return ".".join(words)


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The field names that are known where the path ends."""
    current: Any = model
    for step in loc:
        if isinstance(step, int) or not (isinstance(current, type) and issubclass(current, BaseModel)):
            continue
        field = current.model_fields.get(step)
        inner = field.annotation if field else None
        args = getattr(inner, "__args__", ())
        current = next((a for a in args if isinstance(a, type) and issubclass(a, BaseModel)), inner)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []
