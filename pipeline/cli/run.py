"""`cleanplate run`: run a pipeline on an input."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from pipeline.cli import complete, pointing, proving, weak
from pipeline.cli.batch import Batch
from pipeline.cli.inputs import Errand, errands, keep_apart
from pipeline.cli.progress import Progress
from pipeline.cli.weights import ensure_weights
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.reading import escaped, printable, read_yaml
from pipeline.run import Result, run_plan
from stages.ingest.span import parse_time

HELP = """Run a pipeline on an input, or on several, one after the other.

An input is a video file, a picture, a folder of pictures, `lavfi:GRAPH`, coded pictures (.sem); or live: `cam:0`,
`cam:test`, `screen:`, rtsp://, http(s)://, srt://, and `tcp://HOST:PORT?width=W&height=H&rate=R`, which listens for raw
BGR24 or nut.
An output is a file, a folder of pictures, `null:`; or `window:`, `recording:FOLDER`, rtsp:// and srt:// (pushed),
http://127.0.0.1:PORT/ (Motion JPEG), tcp://HOST:PORT. --output may be given again: each further one is an output like
the last stage, say `output`, and is set by its own name: output-2.view, output-3.codec. ${NAME} in an address stands
for a variable of the environment: passwords belong there. With several inputs (--input again and
again, or a quoted glob) the output is a pattern: {name} and {ext} of the input, its {folder}, and {index}, from 1
({index:03} has three digits); {n} is the first number that is still free. A failed input does not stop the others;
the exit code is then that of the first one that failed. --start and --end are times as a player shows them: seconds,
MM:SS or HH:MM:SS.

With remove-target, --target says what is to be followed and removed: a box x,y,w,h in pixels of the frame behind the @
(0 is the first), or a class and its number there, the best scored being 1. Several are given one by one.

Examples:

  cleanplate run remove-people --input street.mp4 --output clean.mp4

  cleanplate run remove-people -i park.mp4 -o clean.mkv --set segmentation.classes=[dog] --set output.codec=ffv1

  cleanplate run remove-people -i film.mp4 -o scene.mp4 --start 1:02:03 --end 1:02:30.5

  cleanplate run remove-people -i 'clips/*.mp4' -o 'clean/{name}-clean{ext}' --report 'clean/{name}.json'

  cleanplate run remove-target -i ride.mp4 -o clean.mp4 --target 184,60,97,129@0

  cleanplate run remove-target -i street.mp4 -o clean.mp4 --target car:2@10 --target dog@30

  cleanplate run remove-people -i park.mp4 -o clean.mp4 -o both.mp4 --set output-2.view=side-by-side

  cleanplate run semantic-codec -i talk.mp4 -o panel.mp4 --set export.output=coded.mp4

  cleanplate run semantic-codec -i cam:0 -o window: --set codec.bitrate=400k

  cleanplate run live-camera -i cam:0 -o window: -o walk.mp4

  cleanplate run live-rtsp -i 'rtsp://${CAMERA}@192.168.1.20/stream1' -o recording:/srv/clean

  cleanplate run remove-people -i film.mp4 -o clean.mp4 --metrics 9100   # on http://127.0.0.1:9100/metrics
"""


def run(
    config: Annotated[
        str,
        typer.Argument(help="A YAML file, or the name of a shipped configuration.", autocompletion=complete.configs),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="INPUT", help="What goes into the first stage; may be given again."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="OUTPUT", help="Where the result goes; may be given again."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Override a value: KEY=V, STAGE.workers=V or STAGE.FIELD=V.",
            autocompletion=complete.sets,
        ),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="X,Y,W,H@FRAME",
            help="What to follow: a box, or CLASS:NUMBER@FRAME; may be given again.",
            autocompletion=pointing.offers,
        ),
    ] = None,
    start: Annotated[str | None, typer.Option(help="Leave out what comes before this time.")] = None,
    end: Annotated[str | None, typer.Option(help="Leave out this time and what comes after it.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    report: Annotated[str | None, typer.Option(help="Write the run report (JSON) there, whatever the end.")] = None,
    manifest: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write there what was done, chained, and beside it FILE.frames.gz; `verify`."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of this run, for `ps` and `stop`.")] = None,
    no_clobber: Annotated[bool, typer.Option("--no-clobber", help="Refuse to replace an existing output.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Never fetch weights; fail where they are missing.")
    ] = False,
    metrics: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Serve metrics for Prometheus on 127.0.0.1:PORT; 0: a free port."
        ),
    ] = None,
    allow_weak: weak.AllowWeak = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    todo = errands(inputs or (), outputs or (), report, manifest)
    values = [*(sets or ()), *_range(config, start, end), *pointing.as_sets(config, targets or ())]
    values += weak.as_sets(config, allow_weak)
    plans = [load_config(config, sets=values, given=errand.input, wanted=errand.outputs) for errand in todo]
    pointing.check(plans[0], frames)
    if len(todo) > 1:
        keep_apart(todo, [plan.outputs for plan in plans])
    for errand, plan in zip(todo, plans, strict=True):
        _check_targets(errand, plan.outputs if no_clobber else ())
    plan_of = dict(zip(todo, plans, strict=True))
    ensure_weights(plans[0], offline=offline, quiet=quiet)

    def work(errand: Errand) -> Result:
        with Progress(quiet=quiet, total=frames) as progress:
            result = run_plan(
                plan_of[errand],
                name=name,
                limit=frames,
                report=errand.report,
                proof=proving.of(errand.manifest, plan_of[errand], progress.hashing),
                told=progress.say,
                lined=progress.line,
                tick=progress.tick,
            )
        _show(result, quiet=quiet, debug=debug, short=len(todo) > 1)
        return result

    with _served(metrics):
        if len(todo) > 1:
            code = Batch(todo, work, quiet=quiet, debug=debug).work()
        else:
            todo[0].make_folders()
            code = work(todo[0]).code
    if code:
        raise typer.Exit(code)


@contextmanager
def _served(port: int | None) -> Iterator[None]:
    """While entered, there are metrics on this port. Raises SetupError."""
    if port is None:
        yield
        return
    from pipeline.cli.exporter import Exporter

    with Exporter(port) as exporter:
        print(f"cleanplate: metrics on {exporter.address}", file=sys.stderr, flush=True)
        yield


def _range(config: str, start: str | None, end: str | None) -> list[str]:
    """`--start` and `--end` as values of the first stage. Raises ConfigError."""
    given = [(key, text) for key, text in (("start", start), ("end", end)) if text is not None]
    if not given:
        return []
    for key, text in given:
        try:
            parse_time(text)
        except ValueError as error:
            raise ConfigError(f"--{key} {printable(text)}: {error}") from error
    if start is not None and end is not None and parse_time(end) <= parse_time(start):
        raise ConfigError(f"--end {end}: is not after --start {start}")
    stages = read_yaml(config)[1].get("stages")
    first = stages[0].get("name") if isinstance(stages, list) and stages and isinstance(stages[0], dict) else None
    return [f"{first}.{key}={json.dumps(text)}" for key, text in given] if first else []


def _check_targets(errand: Errand, kept: Sequence[str]) -> None:
    for output in kept:
        if os.path.exists(output):
            raise ConfigError(f"--no-clobber: {output} exists")
    for option, path in (("--report", errand.report), ("--manifest", errand.manifest)):
        if path and not path.absolute().parent.is_dir() and os.path.dirname(str(path)) not in errand.folders:
            raise ConfigError(f"{option} {path}: there is no folder {path.parent}")


def _show(result: Result, *, quiet: bool, debug: bool, short: bool = False) -> None:
    """What is to be said of a run that has ended; `short`: its first line only."""
    with suppress(OSError):  # the terminal is gone, and with it whoever would read this; the exit code stays
        _tell(result, quiet=quiet, debug=debug, short=short)


def _tell(result: Result, *, quiet: bool, debug: bool, short: bool) -> None:
    report = result.report
    if debug:
        for fault in report["faults"]:
            print(fault, file=sys.stderr)
    if result.error:
        print(f"cleanplate: {escaped(result.error)}", file=sys.stderr)
    elif report["result"] == "completed_with_errors":
        print(f"cleanplate: completed with errors: {_troubles(report)}", file=sys.stderr)
    if not quiet and report["frames"]["output"]:
        print(summary(report).partition("\n")[0] if short else summary(report), flush=True)


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
    where = ", ".join(str(facts["output"]) for facts in report["outputs"].values() if facts.get("output"))
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
