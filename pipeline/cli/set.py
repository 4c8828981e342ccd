"""`cleanplate set`: change settings of a run that goes on."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import typer

from pipeline.cli import complete, live
from pipeline.cli.live import shown
from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.reading import close_match, printable, read_value

HELP = """Change settings of a running pipeline; each takes effect between two frames.

Values are YAML, as in `run --set`. A value that is refused changes nothing. Without values, what can be set now is
listed with its present value.

Examples:

  cleanplate set remove-people

  cleanplate set remove-people segmentation.grow=12

  cleanplate set remove-people segmentation.grow=12 inpainting.margin=64
"""

MOST_SECONDS = 60.0  # for an answer: a stage that nobody works for just now may still be loading its model


class Setting(NamedTuple):
    """One word of the command line; `text` is None where no value is given."""

    stage: str
    field: str
    text: str | None

    @property
    def path(self) -> str:
        return f"{self.stage}.{self.field}"


def set(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="STAGE.FIELD=VALUE", help="What to change.", autocompletion=complete.live_settings),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    wanted = [parse(item) for item in settings or ()]
    asked = [one for one in wanted if one.text is None]
    if asked and len(asked) < len(wanted):
        raise ConfigError(f"{asked[0].path}: needs a value, as in {asked[0].path}=VALUE")
    live.find(name)
    answer = live.status(name)
    present = [(one, current(answer, one)) for one in wanted]  # all, before the first is changed
    if not wanted:
        print(listed(answer), flush=True)
    for one, value in present:
        print(f"{one.path}={shown(value)}" if one.text is None else change(name, one), flush=True)


def parse(item: str) -> Setting:
    """`STAGE.FIELD=VALUE`, or `STAGE.FIELD`. Raises ConfigError."""
    path, sign, text = item.partition("=")
    stage, dot, field = path.partition(".")
    if not (stage and dot and field):
        raise ConfigError(f"{printable(masked(item))}: expected STAGE.FIELD=VALUE, as in segmentation.grow=12")
    if sign:
        read_value(text, path)
    return Setting(stage, field, text if sign else None)


def current(answer: dict[str, Any], setting: Setting) -> Any:
    """The present value of what is to be set. Raises ConfigError where that cannot be set now."""
    fields: dict[str, Any] = live.stage_of(answer, setting.stage)["live"]
    if setting.field in fields:
        return fields[setting.field]
    can = f"; what can is {', '.join(fields)}" if fields else "; nothing of it can"
    raise ConfigError(
        f"{printable(setting.path)}: cannot be set while it runs{close_match(setting.field, fields) or can}"
    )


def change(name: str, setting: Setting) -> str:
    """Change one; what became of it in one line. Raises ConfigError, RunError."""
    from pipeline.requests import Change

    value = read_value(setting.text or "", setting.path)
    done = live.ask(name, Change(stage=setting.stage, field=setting.field, value=value), MOST_SECONDS)
    return f"{setting.path}: {shown(done['from'])} -> {shown(done['to'])}"


def listed(answer: dict[str, Any]) -> str:
    """All that can be set now, a line each."""
    lines = [
        f"{name}.{field}={shown(value)}"
        for name, stage in answer["stages"].items()
        for field, value in stage["live"].items()
    ]
    return "\n".join(lines) or f"{answer['name']} has nothing that can be set while it runs"
