"""`cleanplate check`: is this configuration right, what does it do, and what memory does it take?"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import complete, weak
from pipeline.cli.drawing import effective, mermaid, tree
from pipeline.config import Plan, load_config
from pipeline.environment import variables
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec
from pipeline.masking import masked
from pipeline.memory import regions
from pipeline.ring import available_memory

STAND_INS = {"input": "input.mp4", "output": "output.mp4"}  # for what was not given

HELP = """Validate a configuration without running it, draw its flow, and say how much memory its ring takes.

Examples:

  cleanplate check remove-people

  cleanplate check my.yaml --size 3840x2160 --set inpainting.workers=4

  cleanplate check my.yaml --mermaid > flow.mmd

  CLEANPLATE__INPAINTING__WORKERS=2 cleanplate check my.yaml --effective
"""


def check(
    config: Annotated[
        str,
        typer.Argument(help="A YAML file, or the name of a shipped configuration.", autocompletion=complete.configs),
    ],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Override a value, as in `run`.", autocompletion=complete.sets
        ),
    ] = None,
    input: Annotated[
        str | None, typer.Option("--input", "-i", metavar="INPUT", help="The input it is meant for; not opened.")
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="OUTPUT", help="The output it is meant for; may be given again."),
    ] = None,
    size: Annotated[str, typer.Option(help="Frame size to count the memory for.")] = "1920x1080",
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print only the flow, as a Mermaid chart.")] = False,
    as_yaml: Annotated[
        bool, typer.Option("--effective", help="Print only the configuration as it takes effect, with all defaults.")
    ] = False,
    allow_weak: weak.AllowWeak = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    if as_mermaid and as_yaml:
        raise ConfigError("--mermaid and --effective: one at a time")
    spec = _spec(size)
    absent = frozenset(name for name, given in (("input", input), ("output", outputs)) if not given)
    plan = _load(config, [*(sets or ()), *weak.as_sets(config, allow_weak)], input, outputs)
    if as_mermaid:
        print(mermaid(plan))
    elif as_yaml:
        print(effective(plan, hidden=absent))
    else:
        print("\n\n".join(part for part in (tree(plan), from_environment(), memory(plan, spec)) if part))


def _load(config: str, sets: list[str], given: str | None, wanted: list[str] | None) -> Plan:
    """With a stand-in only for what neither the user nor the configuration names. Raises ConfigError."""
    while True:
        try:
            return load_config(config, sets=sets, given=given, wanted=wanted)
        except ConfigError as error:
            if given is None and "Give --input" in str(error):
                given = STAND_INS["input"]
            elif not wanted and "Give --output" in str(error):
                wanted = [STAND_INS["output"]]
            else:
                raise


def _spec(size: str) -> FrameSpec:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size {size}: expected WIDTHxHEIGHT, as in 1920x1080")
    try:
        return FrameSpec(width=int(width), height=int(height))
    except ValueError as error:
        raise ConfigError(f"--size {size}: a frame is 1 to 16384 pixels wide and high") from error


def from_environment() -> str:
    """The variables that were applied (one that is not known would have been an error), or nothing."""
    found = [f"  {name}={masked(text)}" for name, text in variables().items()]
    return "\n".join(["set by the environment:", *found]) if found else ""


def memory(plan: Plan, spec: FrameSpec) -> str:
    """What the ring takes, plane by plane, against what there is."""
    parts = regions(plan, spec)
    width = max(18, *(len(region.name) for region in parts))
    lines = [f"  {region.name:<{width}} {region.count:>4} x {region.stride / 1e6:7.2f} MB" for region in parts]
    total, free = sum(region.nbytes for region in parts), available_memory()
    verdict = "fits" if total < free else "DOES NOT FIT: set fewer slots"
    lines.append(f"  {total / 1e6:.0f} MB at {spec.width}x{spec.height}, of {free / 1e6:.0f} MB free: {verdict}")
    return "\n".join(lines)
