"""`cleanplate ps`: the pipelines that run now."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.instances import running
from pipeline.reading import escaped

HELP = """List the pipelines that run now.

Example:

  cleanplate ps --json
"""


def ps(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    found = running()
    if as_json:
        print(json.dumps([asdict(instance) for instance in found], indent=1))
        return
    print(f"{'NAME':<20} {'PID':>8}  {'STARTED':<25}  INPUT -> OUTPUT")
    for one in found:
        print(f"{one.name:<20} {one.pid:>8}  {one.started:<25}  {escaped(one.input)} -> {escaped(one.output)}")
