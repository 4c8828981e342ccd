"""`cleanplate stop`: end a pipeline that runs."""

from __future__ import annotations

import select
import time
from typing import Annotated

import typer

from pipeline.cli import complete
from pipeline.errors import ConfigError, RunError
from pipeline.instances import is_locked, lock_of, running
from pipeline.process import Watched
from pipeline.reading import close_match

LOOK_S = 0.05  # between two looks

HELP = """End a running pipeline: it finishes its file first.

Example:

  cleanplate stop remove-people
"""


def stop(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)],
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for its end.")] = 30.0,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    found = {instance.name: instance for instance in running()}
    if name not in found:
        raise ConfigError(f"no run called {name!r}{close_match(name, found)}; see `cleanplate ps`")
    with Watched(found[name].pid) as process:
        if not process.terminate(lock_of(name)):
            raise ConfigError(f"{name!r} has just ended")
        until = time.monotonic() + timeout
        while is_locked(lock_of(name)):  # the run: a program that began it may go on
            if time.monotonic() >= until:
                raise RunError(f"{name!r} was told to end but has not within {timeout:g} s")
            select.select([process.pidfd], [], [], LOOK_S)
    print(f"{name} ended")
