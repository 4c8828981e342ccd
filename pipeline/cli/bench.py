"""`cleanplate bench`: how fast is it here, what holds it back, and what would help?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import complete

HELP = """Measure a pipeline: each stage alone, the whole, the highest load that it holds, and what holds it back.

TARGET is a configuration, `transport` (one hop of a frame between two processes, beside other ways) or `memory` (does
any process grow?).

Examples:

  cleanplate bench remove-people --input street.mp4

  cleanplate bench remove-people --workers segmentation=1..4 --plot rate.png

  cleanplate bench remove-people --json before.json

  cleanplate bench remove-people --compare before.json   # exit code 1 where it has become slower

  cleanplate bench remove-people --without-models --time segmentation=12/3
"""


def bench(
    target: Annotated[
        str, typer.Argument(help="A configuration, `transport` or `memory`.", autocompletion=complete.targets)
    ] = "remove-people",
    input: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="INPUT", help="The clip; a sample by default; not for `transport`."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Override a value, as in `run`.", autocompletion=complete.sets
        ),
    ] = None,
    frames: Annotated[int, typer.Option(min=20, help="Frames to measure; `memory` takes the whole clip.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often the whole, or `transport`, is measured.")] = 5,
    load: Annotated[
        float, typer.Option("--load", min=0, max=3600, help="Seconds at most for the steps of load; 0: none.")
    ] = 60.0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE=1..4", help="Measure the rate with so many workers of a stage, beside the forecast."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PATH.png", help="Draw rate against workers, and latency against load.")
    ] = None,
    without_models: Annotated[
        bool, typer.Option("--without-models", help="Stand-ins for the stages that hold a model; as slow as recorded.")
    ] = False,
    times: Annotated[
        list[str] | None,
        typer.Option("--time", metavar="STAGE=MS[/CPU]", help="A stand-in for this stage that takes so long a frame."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--json", help="Write the result there, with the machine's facts; - is stdout.")
    ] = None,
    compare: Annotated[Path | None, typer.Option(help="An earlier result to compare with.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="A loss below this is none, even where it is no noise: 0.15 is 15 %.")
    ] = 0.15,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    from pipeline.cli.benching import STDOUT, Order, answer

    order = Order(
        target, input, tuple(sets or ()), frames, rounds, load, workers, plot, without_models, tuple(times or ()), to,
        compare, tolerance,
    )  # fmt: skip
    if worse := answer(order):
        print("\n".join(f"worse  {line}" for line in worse), file=sys.stderr if order.to == STDOUT else sys.stdout)
        raise typer.Exit(1)
