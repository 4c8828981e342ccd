"""`cleanplate resume`: let a run go on that was paused."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import complete, live

HELP = """Let a paused pipeline go on.

Example:

  cleanplate resume remove-people
"""


def resume(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)],
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    live.find(name)
    print(live.resume(name))
