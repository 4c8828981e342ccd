"""`cleanplate run`: run a pipeline on an input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.progress import Progress
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.run import Result, run_plan

HELP = """Run a pipeline on an input.

Examples:

  cleanplate run remove-people --input street.mp4 --output clean.mp4

  cleanplate run remove-people -i park.mp4 -o clean.mkv --set segmentation.classes=[dog] --set output.codec=ffv1

  cleanplate run my.yaml --input street.mp4 --output clean.mp4 --frames 300 --report report.json
"""


def run(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped configuration.")],
    input: Annotated[str | None, typer.Option("--input", "-i", help="What goes into the first stage.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="Where the last stage puts the result.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: KEY=V, STAGE.workers=V or STAGE.FIELD=V.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the run report (JSON) there, whatever the end.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of this run, for `ps` and `stop`.")] = None,
    no_clobber: Annotated[bool, typer.Option("--no-clobber", help="Refuse to replace an existing output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    plan = load_config(config, sets=sets or (), given=input, wanted=output)
    if no_clobber and output and Path(output).exists():
        raise ConfigError(f"--no-clobber: {output} exists")
    if report and not report.absolute().parent.is_dir():
        raise ConfigError(f"--report {report}: there is no folder {report.parent}")
    with Progress(quiet=quiet, total=frames) as progress:
        result = run_plan(
            plan,
            name=name,
            limit=frames,
            report=report,
            told=progress.say,
            tick=progress.tick,
        )
    _conclude(result, quiet=quiet, debug=debug)


def _conclude(result: Result, *, quiet: bool, debug: bool) -> None:
    report = result.report
    if debug:
        for fault in report["faults"]:
            print(fault, file=sys.stderr)
    if result.error:
        print(f"cleanplate: {result.error}", file=sys.stderr)
    elif report["result"] == "completed_with_errors":
        print(f"cleanplate: completed with errors: {_troubles(report)}", file=sys.stderr)
    if not quiet and report["frames"]["output"]:
        print(summary(report))
    if result.code:
        raise typer.Exit(result.code)


def _troubles(report: dict[str, Any]) -> str:
    found = [
        f"{number} {what} ({name})"
        for name, stage in report["stages"].items()
        for what, number in stage["errors"].items()
    ]
    if blanked := report["frames"]["blanked"]:
        found.append(f"{blanked} frames blank")
    if report["runtime"]["on_full"] == "block" and (lost := sum(report["frames"]["dropped"].values())):
        found.append(f"{lost} frames lost")
    return ", ".join(found)


def summary(report: dict[str, Any]) -> str:
    """A run in a few readable lines."""
    frames, stages = report["frames"], report["stages"]
    where = report["output"].get("output", "")
    lost = sum(frames["dropped"].values())
    first = f"{where or report['pipeline']}: {frames['output']} of {frames['accepted']} frames"
    first += f", {lost} dropped" if lost else ""
    first += f", {frames['blanked']} blank" if frames["blanked"] else ""
    first += f" in {report['seconds']:.1f} s ({report['fps']:.1f} frames/s)"
    width = max(map(len, stages))
    lines = [first, f"  {'stage':<{width}}  workers   ms a frame   restarts"]
    for name, stage in stages.items():
        lines.append(
            f"  {name:<{width}}  {stage['workers']:>7}   {stage['busy_ms']['p50']:>10.2f}   {stage['restarts']:>8}"
        )
    return "\n".join(lines)
