"""`cleanplate check`: is this configuration right, what does it do, and what memory does it take?"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.config import BuiltStage, Plan, load_config
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec
from pipeline.memory import regions
from pipeline.ring import available_memory

HELP = """Validate a configuration without running it, draw its flow, and say how much memory its ring takes.

Examples:

  cleanplate check remove-people

  cleanplate check my.yaml --size 3840x2160 --set inpainting.workers=4
"""


def check(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped configuration.")],
    sets: Annotated[list[str] | None, typer.Option("--set", help="Override a value, as in `run`.")] = None,
    input: Annotated[str | None, typer.Option("--input", "-i", help="The input it is meant for; not opened.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The output it is meant for; not opened.")
    ] = None,
    size: Annotated[str, typer.Option(help="Frame size to count the memory for.")] = "1920x1080",
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    plan = load_config(config, sets=sets or (), given=input or "input.mp4", wanted=output or "output.mp4")
    print(draw(plan))
    print()
    print(memory(plan, _spec(size)))


def _spec(size: str) -> FrameSpec:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {size}: expected WIDTHxHEIGHT, as in 1920x1080")
    try:
        return FrameSpec(width=int(width), height=int(height))
    except ValueError as error:
        raise ConfigError(f"--size {size}: a frame is 1 to 16384 pixels wide and high") from error


def draw(plan: Plan) -> str:
    """The flow as text: one line a stage, under the one it follows."""
    rows = [_row(built) for built in plan.stages]
    depth: dict[str, int] = {}
    lines = [f"{plan.config.name}  ({plan.slots} slots, on_full: {plan.on_full})"]
    follows = [built.after for built in plan.stages]
    for built, row in zip(plan.stages, rows, strict=True):
        branching = built.after is not None and follows.count(built.after) > 1
        depth[built.name] = depth.get(built.after or "", 0) + branching
        lines.append("  " * depth[built.name] + ("└ " if branching else "│ " if built.after else "● ") + row)
    return "\n".join(lines)


def _row(built: BuiltStage) -> str:
    many = f" x{built.config.workers}" if built.config.workers > 1 else ""
    reads, writes = ", ".join(built.stage.reads) or "-", ", ".join(built.stage.writes) or "-"
    return f"{built.name + many:<18} {reads:<22} -> {writes:<16}  {built.uses}"


def memory(plan: Plan, spec: FrameSpec) -> str:
    """What the ring takes, plane by plane, against what there is."""
    parts = regions(plan, spec)
    lines = [f"  {region.name:<18} {region.count:>4} x {region.stride / 1e6:7.2f} MB" for region in parts]
    total, free = sum(region.nbytes for region in parts), available_memory()
    verdict = "fits" if total < free else "DOES NOT FIT: set fewer slots"
    lines.append(f"  {total / 1e6:.0f} MB at {spec.width}x{spec.height}, of {free / 1e6:.0f} MB free: {verdict}")
    return "\n".join(lines)
