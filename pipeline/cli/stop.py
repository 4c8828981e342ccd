"""`cleanplate stop`: end a pipeline that runs."""

from __future__ import annotations

import select
import time
from typing import Annotated

import typer

from pipeline.cli import complete
from pipeline.cli.live import find
from pipeline.errors import ConfigError, RunError
from pipeline.instances import is_locked, lock_of
from pipeline.process import Watched

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
    with Watched(find(name).pid) as process:
        _terminate(process, name)
        until = time.monotonic() + timeout
        while is_locked(lock_of(name)):  # the run: a program that began it may go on
            if time.monotonic() >= until:
                raise RunError(f"{name!r} was told to end but has not within {timeout:g} s")
            select.select([process.pidfd], [], [], LOOK_S)
    print(f"{name} ended")


def tell_to_end(name: str) -> str:
    """Have a run end, without waiting for it; what was done in one line. Raises ConfigError, RunError."""
    with Watched(find(name).pid) as process:
        _terminate(process, name)
    return f"{name}: was told to end; it finishes its file first"


def _terminate(process: Watched, name: str) -> None:
    if not process.terminate(lock_of(name)):
        raise ConfigError(f"{name!r} has just ended")
