"""`cleanplate pause`: hold a run."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import complete, live

HELP = """Hold a running pipeline: what is under way is finished, and no new frame comes in until `resume`.

Example:

  cleanplate pause remove-people
"""


def pause(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)],
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    live.find(name)
    print(live.pause(name))
