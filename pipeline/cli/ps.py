"""`cleanplate ps` and `cleanplate stop`: the pipelines that run now."""

from __future__ import annotations

import json
import select
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.errors import ConfigError, RunError
from pipeline.instances import lock_of, running
from pipeline.process import Watched
from pipeline.reading import close_match

PS_HELP = "List the pipelines that run now."
STOP_HELP = """End a running pipeline: it finishes its file first.

Example:

  cleanplate stop remove-people
"""


def ps(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    found = running()
    if as_json:
        print(json.dumps([asdict(instance) for instance in found], indent=1))
        return
    print(f"{'NAME':<20} {'PID':>8}  {'STARTED':<25}  INPUT -> OUTPUT")
    for one in found:
        print(f"{one.name:<20} {one.pid:>8}  {one.started:<25}  {one.input} -> {one.output}")


def stop(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.")],
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for its end.")] = 30.0,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    found = {instance.name: instance for instance in running()}
    if name not in found:
        raise ConfigError(f"no run called {name!r}{close_match(name, found)}; see `cleanplate ps`")
    with Watched(found[name].pid) as process:
        if not process.terminate(lock_of(name)):
            raise ConfigError(f"{name!r} has just ended")
        ended, _, _ = select.select([process.pidfd], [], [], timeout)
    if not ended:
        raise RunError(f"{name!r} was told to end but has not within {timeout:g} s")
    print(f"{name} ended")
