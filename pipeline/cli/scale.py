"""`cleanplate scale`: more or fewer workers for the stages of a run that goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import complete, live
from pipeline.errors import ConfigError
from pipeline.plan import MOST_WORKERS
from pipeline.reading import printable

HELP = """Give stages of a running pipeline more or fewer workers, while frames flow.

No frame is lost and none changes its place: a new worker serves when it is set up, and one that leaves first finishes
what it holds. A stage that keeps state has one worker.

Examples:

  cleanplate scale remove-people inpainting=3

  cleanplate scale remove-people segmentation=2 inpainting=4
"""


def scale(
    name: Annotated[str, typer.Argument(help="The run's name, as `ps` shows it.", autocompletion=complete.runs)],
    workers: Annotated[
        list[str],
        typer.Argument(metavar="STAGE=N", help="How many workers for which stage.", autocompletion=complete.scales),
    ],
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    wanted = [parse(item) for item in workers]
    live.find(name)
    answer = live.status(name)
    for stage, number in wanted:  # all, before the first is changed
        if number > 1 and not live.stage_of(answer, stage)["scalable"]:
            raise ConfigError(f"{stage}: keeps state, so it has one worker, not {number}")
    for stage, number in wanted:
        print(live.scale(name, stage, number), flush=True)


def parse(item: str) -> tuple[str, int]:
    """`STAGE=N`. Raises ConfigError."""
    stage, _, text = item.partition("=")
    if not stage or not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST_WORKERS:
        raise ConfigError(f"{printable(item)}: expected STAGE=N with N from 1 to {MOST_WORKERS}, as in inpainting=2")
    return stage, int(text)
