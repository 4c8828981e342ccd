"""What the shell offers when a word is half typed: names, files, and the keys and values of `--set`."""

from __future__ import annotations

import contextlib
import enum
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import typer
from typer.core import TyperCommand

from pipeline.errors import CleanplateError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Offer = tuple[str, str]  # a word, and what it means
OWN_TARGETS = {"transport": "one hop of a frame between two processes", "memory": "does any process grow?"}  # of bench
STAGE_KEYS = ("workers", "autoscale", "restart", "on_error")
AT_ONCE_S = 0.5  # for which a shell may wait for a run to answer


class SetCommand(TyperCommand):
    """A command with `--set`. Bash takes `KEY=VALUE` for three words, so that the value looks like one of its own."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        sets = ctx.params.get("sets") or ()
        if not sets or "=" in sets[-1] or ctx.args not in ([], ["="]):
            return super().shell_complete(ctx, incomplete)
        key = sets[-1] + "="
        offers = keys_and_values(_config(ctx), key + incomplete)
        return [_item(value.removeprefix(key), about) for value, about in offers if value.startswith(key + incomplete)]


def _item(value: str, about: str) -> Any:
    from typer._click.shell_completion import CompletionItem

    return CompletionItem(value, help=about)


def configs(incomplete: str) -> list[Offer]:
    """The shipped configurations, and the YAML files and folders that the word may become."""
    from pipeline.reading import shipped

    known = [(name, _first_words(path)) for name, path in shipped().items()]
    head, slash, _ = incomplete.rpartition("/")
    with contextlib.suppress(OSError):  # a folder that is none has nothing to offer
        for path in sorted(Path(head + slash or ".").iterdir()):
            if path.suffix in (".yaml", ".yml"):
                known.append((head + slash + path.name, "a file"))
            elif path.is_dir() and not path.name.startswith("."):
                known.append((f"{head}{slash}{path.name}/", "a folder"))
    return known


def targets(incomplete: str) -> list[Offer]:
    """What can be measured."""
    return [*OWN_TARGETS.items(), *configs(incomplete)]


def _first_words(path: Path) -> str:
    """What the comment on top of a shipped configuration says it does."""
    lines = (line.lstrip("# ") for line in path.read_text().splitlines() if "yaml-language-server" not in line)
    return next(lines, "").partition(":")[0].rstrip(".")


def runs() -> list[Offer]:
    """The runs that go on now."""
    from pipeline.instances import running

    return [(one.name, f"since {one.started}, process {one.pid}") for one in running()]


def scales(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `scale`: the stages of the run on the line, with the workers that they have."""
    return [
        (f"{name}={stage['wanted']}", "its workers now")
        for name, stage in _stages_of_run(ctx).items()
        if stage["scalable"] and name.startswith(incomplete.partition("=")[0])
    ]


def live_settings(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `set`: what can be set in the run on the line, with its present values."""
    from pipeline.cli.live import shown

    return [
        (f"{name}.{field}={shown(value)}", "its value now")
        for name, stage in _stages_of_run(ctx).items()
        for field, value in stage["live"].items()
        if f"{name}.{field}".startswith(incomplete.partition("=")[0])
    ]


def _stages_of_run(ctx: typer.Context) -> dict[str, dict[str, Any]]:
    """What the run on the line says of its stages, if it answers at once."""
    from pipeline.cli import live

    with contextlib.suppress(CleanplateError):  # a half-typed line: there is nobody to tell
        stages: dict[str, dict[str, Any]] = live.status(ctx.params.get("name") or "", AT_ONCE_S)["stages"]
        return stages
    return {}


def logs() -> list[Offer]:
    """The runs that have left a log, by name: the latest of each."""
    from pipeline.logfile import logs as all_logs

    stems = [path.stem.partition("@") for path in reversed(all_logs())]
    return [(name, f"began {when}") for name, when in {name: when for name, _, when in stems}.items()]


def models() -> list[Offer]:
    """The models by name."""
    from models.registry import ENTRIES

    return [(entry.name, entry.task) for entry in ENTRIES]


def samples() -> list[Offer]:
    """The footage that can be fetched."""
    from pipeline.cli.footage import catalogue

    return [(sample.name, sample.about) for sample in catalogue()]


def sets(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `--set`, of the configuration that already stands on the line."""
    return keys_and_values(_config(ctx), incomplete)


def _config(ctx: Any) -> str | None:
    """The configuration on the line: a `--set` that wants its value keeps it from being told from the other words."""
    word = next((word for word in ctx.args if word != "="), None)
    given: str | None = ctx.params.get("config") or ctx.params.get("target")  # this one has a default
    return word or given


def keys_and_values(config: str | None, incomplete: str) -> list[Offer]:
    """`KEY=`, `STAGE.`, then `STAGE.FIELD=`, then the values where they can be counted."""
    offers = [offer for offer in _keys(config, incomplete) if offer[0].startswith(incomplete)]
    lone = len(offers) == 1 and offers[0][0].endswith("=") and offers[0][0] != incomplete
    return _keys(config, offers[0][0]) if lone else offers  # the shell would end the word behind a lone `KEY=`


def _keys(config: str | None, incomplete: str) -> list[Offer]:
    with contextlib.suppress(CleanplateError, ImportError):  # a half-typed line: there is nobody to tell
        stages = _stages(config) if config else {}
        head, dot, _ = incomplete.partition(".")
        begun = [name for name in stages if name.startswith(head)]
        if dot:
            return [offer for name in begun if name == head for offer in _of_stage(name, stages[name], incomplete)]
        keys = [offer for key, field in _top_keys().items() for offer in _of_field(key, field, incomplete)]
        if len(begun) == 1 and not any(word.startswith(incomplete) for word, _ in keys):
            return _of_stage(begun[0], stages[begun[0]], f"{begun[0]}.")  # a lone STAGE. would end the word
        return keys + [(f"{name}.", f"fields of {uses}") for name, uses in stages.items()]
    return []


def _top_keys() -> dict[str, FieldInfo]:
    from pipeline.config import PipelineConfig

    return {key: field for key, field in PipelineConfig.model_fields.items() if key != "stages"}


def _stages(config: str) -> dict[str, str]:
    """The stages of a configuration with what they use. Raises ConfigError."""
    from pipeline.reading import read_yaml

    _, raw = read_yaml(config)
    listed = raw.get("stages")
    found = [stage for stage in listed if isinstance(stage, dict)] if isinstance(listed, list) else []
    return {str(stage.get("name")): str(stage.get("uses")) for stage in found}


def _of_stage(name: str, uses: str, incomplete: str) -> list[Offer]:
    from pipeline.config import StageConfig

    fields = {key: StageConfig.model_fields[key] for key in STAGE_KEYS} | dict(stage_fields(uses))
    return [offer for key, field in fields.items() for offer in _of_field(f"{name}.{key}", field, incomplete)]


def stage_fields(uses: str) -> Mapping[str, FieldInfo]:
    """The fields of a stage's class, of all that it may stand for. Raises ConfigError."""
    from pipeline.importer import load_class

    cls = load_class(uses)
    kinds = cls.kinds() if hasattr(cls, "kinds") else (cls,)
    return {name: field for kind in reversed(kinds) for name, field in kind.model_fields.items()}


def _of_field(key: str, field: FieldInfo, incomplete: str) -> Iterator[Offer]:
    """`KEY=`, or, where the word can only become this key, `KEY=VALUE` for each value that there is."""
    about = field.description or ""
    default = "" if field.is_required() else f"default {field.get_default(call_default_factory=True)}"
    values = list(_values(field.annotation))
    if values and incomplete.startswith(f"{key}="):
        yield from ((f"{key}={value}", about) for value in values)
    else:
        yield f"{key}=", "; ".join(part for part in (about, default) if part)


def _values(annotation: Any) -> Iterator[str]:
    """The values of a type, where they can be counted."""
    if annotation is bool:
        yield from ("true", "false")
    elif get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _values(part)
    elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        yield from (str(member.value) for member in annotation)
