"""`cleanplate top`: watch a run on a screen, and steer it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli import complete, live
from pipeline.errors import ConfigError, SetupError
from pipeline.instances import running

HELP = """Watch a running pipeline on a screen: rates, latency, queues, slots, and what each worker uses.

Without NAME, the run that goes on, where it is the only one. Keys: up and down choose a stage, + and - give it more
or fewer workers, p pauses and resumes, s stops the run, q leaves it alone and quits. BUSY and P95 are milliseconds of
work on a frame, CPU% is of one core, MEM is a worker's own memory (the ring is shared).

Examples:

  cleanplate top

  cleanplate top remove-people
"""


def top(
    name: Annotated[
        str | None, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    wanted = live.find(name).name if name is not None else only_one()
    if not sys.stdout.isatty():
        raise ConfigError("top needs a terminal; `cleanplate ps` lists, and `run --metrics` serves, the same figures")
    try:
        from pipeline.cli.screen.app import Top
    except ImportError as error:
        if not (error.name or "").startswith("textual"):
            raise
        raise SetupError("top: textual is not installed; next: pip install 'cleanplate[tui]'") from error
    Top(wanted).run()


def only_one() -> str:
    """The name of the run that goes on. Raises ConfigError where there is none, or several."""
    names = [instance.name for instance in running()]
    if len(names) != 1:
        raise ConfigError(f"which one? These run now: {', '.join(names)}" if names else "nothing runs now")
    return names[0]
