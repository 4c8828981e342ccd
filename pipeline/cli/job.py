"""`cleanplate job`: a long video in segments: run, look how far it is, do segments again, join them, clean up."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import complete
from pipeline.errors import ConfigError, RunError

RUN_HELP = """Do a long video segment by segment; any stop is harmless, and the same command goes on.

The video is cut at key frames, each segment is a run of its own, and the results are joined with every other track of
the video: sound, subtitles, chapters, metadata. All that is known of the job stands beside the output, in OUTPUT.job.
A segment that fails is tried again, then with its input encoded anew, then listed; the others go on. Where one is
missing there is no finished file, until `job redo` has mended it or `job stitch --allow-gaps` marks the gap.

Without --output it is NAME-CONFIG.mp4 beside the video, or .mkv and so on where the video is one. With several videos,
or a folder, --output is a pattern: {name}, {ext}, {folder}, {index}. What stands before a segment warms up what
remembers (--preroll), so that no seam is seen. --workers says how many segments are done at a time; without it the
first ones are done in different ways, and the fastest is taken.

Examples:

  cleanplate job run film.mp4 --config remove-people

  cleanplate job run film.mp4 --config matte --segment 15s --output film-matted.mp4

  cleanplate job run film.mp4 --config remove-people --segment scenes

  cleanplate job run shots/ --config privacy-faces --output 'clean/{name}{ext}' --on-done 'systemctl poweroff'

  cleanplate job run film.mp4 --config matte --engine ray --address auto --workers 20
"""
STATUS_HELP = """Say how far a job is, segment by segment; while it runs and after.

Examples:

  cleanplate job status film.mp4

  cleanplate job status film.mp4 --output clean.mp4 --json
"""
REDO_HELP = """Do segments again, and join anew.

Examples:

  cleanplate job redo film.mp4 7

  cleanplate job redo film.mp4 7 8 --re-encode
"""
STITCH_HELP = """Join the segments that are done.

Examples:

  cleanplate job stitch film.mp4

  cleanplate job stitch film.mp4 --allow-gaps
"""
CLEAN_HELP = """Remove what a finished job has left beside its output: the segments and the manifest.

Examples:

  cleanplate job clean film.mp4

  cleanplate job clean film.mp4 --force   # though it is not finished: all that was done is lost
"""
Video = Annotated[str, typer.Argument(metavar="VIDEO", help="The video of the job.")]
Output = Annotated[
    list[str] | None,
    typer.Option("--output", "-o", metavar="OUTPUT", help="Its output, where it is not the only job of this video."),
]
Workers = Annotated[int | None, typer.Option(min=1, max=1024, help="Segments at a time; measured by default.")]
EngineName = Annotated[str, typer.Option("--engine", help="local, or ray: on the machines of a Ray cluster.")]
Address = Annotated[
    str | None, typer.Option(help="Of the Ray cluster: auto, HOST:PORT, ray://HOST:PORT; none: one is started here.")
]
Needs = Annotated[
    str | None, typer.Option(metavar="NEEDS", help="What a segment takes of a machine of a Ray cluster: cpus=4,gpus=1.")
]
OnDone = Annotated[
    str | None, typer.Option(metavar="COMMAND", help="Shell command for when all is finished, as a shutdown.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def common() -> None:
    """Options before any command."""


@app.command("run", help=RUN_HELP)
def run(
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO...", help="Videos, folders of them, or quoted globs.")],
    config: Annotated[
        str,
        typer.Option(
            "--config", "-c", help="A YAML file, or a shipped configuration.", autocompletion=complete.configs
        ),
    ],
    outputs: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="OUTPUT", help="The finished file; may be given again."),
    ] = None,
    segment: Annotated[str, typer.Option(help="Length of a segment: 15s, 1m, 0:30; or scenes.")] = "15s",
    preroll: Annotated[str, typer.Option(help="How much of what comes before warms up a segment.")] = "3s",
    reach: Annotated[
        str,
        typer.Option(help="From how long before it still sees a picture a second, for what was seen only then."),
    ] = "30s",
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override a value of the configuration.")
    ] = None,
    workers: Workers = None,
    engine: EngineName = "local",
    address: Address = None,
    needs: Needs = None,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Join although segments failed.")] = False,
    on_done: OnDone = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never fetch weights.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    from pipeline.cli import working
    from pipeline.jobs.manifest import Call

    asked = {"config": working.absolute(config), "sets": sets or [], "segment": segment}
    asked |= {"preroll": preroll, "reach": reach}
    calls = [
        (one, Call(outputs=[working.absolute(out) for out in outs], **asked))
        for one, outs in working.errands_of(videos, outputs or [], config)
    ]
    where = working.Where(engine, address, workers, needs)
    working.finish(working.run_all(calls, where, allow_gaps=allow_gaps, offline=offline, quiet=quiet), on_done)


@app.command("status", help=STATUS_HELP)
def status(
    video: Video,
    outputs: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    debug: Debug = False,
) -> None:
    from pipeline.cli import working
    from pipeline.jobs.stitching import status_of

    folder, manifest = working.find(video, outputs)
    if as_json:
        facts = {"video": manifest.input.path, "outputs": manifest.call.outputs, "running": working.is_running(folder)}
        print(json.dumps(facts | status_of(manifest.segments), indent=1))
    else:
        print(working.table(folder, manifest))


@app.command("redo", help=REDO_HELP)
def redo(
    video: Video,
    segments: Annotated[list[int], typer.Argument(metavar="SEGMENT...", help="Numbers from `job status`.")],
    outputs: Output = None,
    re_encode: Annotated[bool, typer.Option("--re-encode", help="Encode their input anew first.")] = False,
    workers: Workers = None,
    engine: EngineName = "local",
    address: Address = None,
    needs: Needs = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    from pipeline.cli import working

    _, manifest = working.find(video, outputs)
    wrong = [number for number in segments if not 0 <= number < len(manifest.segments)]
    if wrong:
        raise ConfigError(f"job redo: no segment {wrong[0]}: there are 0 to {len(manifest.segments) - 1}")
    where = working.Where(engine, address, workers, needs)
    working.finish(working.redo(video, manifest.call, segments, where, re_encode=re_encode, quiet=quiet), None)


@app.command("stitch", help=STITCH_HELP)
def stitch(
    video: Video,
    outputs: Output = None,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Show in words where a segment is missing.")] = False,
    debug: Debug = False,
) -> None:
    from pipeline.cli import working
    from pipeline.jobs.locking import locked
    from pipeline.jobs.opening import open_job
    from pipeline.jobs.stitching import stitch as join

    folder, manifest = working.find(video, outputs)
    with locked(folder):
        opened = open_job(video, manifest.call, working.say)
        for made in join(opened, allow_gaps=allow_gaps, told=working.say):
            print(made)
        working.look_at_seams(opened, working.say)


@app.command("clean", help=CLEAN_HELP)
def clean(
    video: Video,
    outputs: Output = None,
    force: Annotated[bool, typer.Option("--force", help="Although the job is not finished.")] = False,
    debug: Debug = False,
) -> None:
    from pipeline.cli import working
    from pipeline.jobs.locking import locked

    folder, manifest = working.find(video, outputs)
    finished = manifest.joined == manifest.contents and all(Path(made).exists() for made in manifest.call.outputs)
    if not finished and not force:
        raise ConfigError(f"{folder}: the job is not finished; --force removes what was done all the same")
    with locked(folder):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise RunError(f"{folder}: cannot be removed: {error.strerror}") from error
    print(f"cleanplate: removed {folder}", file=sys.stderr)
