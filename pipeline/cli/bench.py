"""`cleanplate bench`: how fast is it here?"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import complete

HELP = """Measure the throughput of a pipeline's stages, of the whole, or of the runtime itself.

TARGET is a configuration (each stage alone, then the whole), `transport` (one hop of a frame between two processes,
beside other ways) or `memory` (does any process grow?).

Examples:

  cleanplate bench remove-people --input street.mp4 --frames 200

  cleanplate bench transport --json transport.json

  cleanplate bench remove-people --compare before.json   # exit code 1 where it has become slower
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
    to: Annotated[Path | None, typer.Option("--json", help="Write the result there, with the machine's facts.")] = None,
    compare: Annotated[Path | None, typer.Option(help="An earlier result to compare with.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, max=1, help="What counts as noise: 0.15 is 15 %.")] = 0.15,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    from benchmarks import results

    question = target if target in complete.OWN_TARGETS else "pipeline"
    old = results.load(compare, question) if compare else None
    if to:
        results.make_folder(to)
    if target == "transport":
        content = results.complete(question, _transport(rounds, frames))
    elif target == "memory":
        content = results.complete(question, _memory(input, sets or []))
    else:
        content = results.complete(question, _pipeline(target, input, sets or [], frames, rounds))
    if to:
        results.save(to, content)
    print(json.dumps({key: value for key, value in content.items() if key != "machine"}, indent=1))
    if old is not None and (worse := results.losses(old, content, tolerance)):
        print("\n".join(f"worse  {line}" for line in worse))
        raise typer.Exit(1)


def _transport(rounds: int, frames: int) -> dict[str, Any]:
    from benchmarks import transport

    return transport.measure(rounds, frames)


def _memory(clip: str | None, sets: list[str]) -> dict[str, Any]:
    from benchmarks import memory

    return memory.measure(clip or _sample(), "remove-people", sets)


def _pipeline(config: str, clip: str | None, sets: list[str], frames: int, rounds: int) -> dict[str, Any]:
    from pipeline.config import cores, load_config, worker_environment

    os.environ.update(worker_environment(cores()))  # before torch comes in: the stages alone run in this process
    from benchmarks import stages, whole

    clip = clip or _sample()
    with tempfile.TemporaryDirectory() as folder:
        alone = stages.measure(load_config(config, sets=sets, given=clip, wanted=f"{folder}/alone.mp4"), frames)
        plan = load_config(config, sets=sets, given=clip, wanted=f"{folder}/whole.mp4")
        together = whole.measure(plan, frames, rounds)
    name = plan.config.name
    return {"config": name, "sets": sets, "clip": Path(clip).name, "alone": alone, "whole": together}


def _sample() -> str:
    from pipeline.cli import footage

    return str(footage.fetch("demo"))
