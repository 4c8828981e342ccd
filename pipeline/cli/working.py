"""What the commands of `cleanplate job` share: jobs are found, worked on with progress on stderr, and shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer

from pipeline.cli.inputs import errands
from pipeline.cli.jobbar import JobBar
from pipeline.cli.weights import ensure_weights
from pipeline.errors import CleanplateError, ConfigError, RunError
from pipeline.instances import is_locked
from pipeline.jobs.engine import MOST_LANES, Engine, Local
from pipeline.jobs.job import Job
from pipeline.jobs.locking import locked
from pipeline.jobs.manifest import Call, Manifest, load
from pipeline.jobs.opening import BESIDE, Opened, folder_of, open_job
from pipeline.jobs.seams import measure_seams, standing_out
from pipeline.jobs.stitching import is_joined, stitch
from pipeline.outlets import SCHEME
from pipeline.reading import escaped, printable
from stages.media import shown
from stages.output.wishes import CONTAINERS

ENGINES = ("local", "ray")
VIDEOS = frozenset({*CONTAINERS, ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".ogv", ".wmv", ".3gp"})


@dataclass(frozen=True)
class Where:
    """What does the segments: which engine, where it is, how many at a time (None: measured), what each takes."""

    engine: str
    address: str | None
    workers: int | None
    needs: str | None = None

    def open(self) -> Engine:
        """Raises ConfigError, SetupError."""
        if self.engine not in ENGINES:
            raise ConfigError(f"--engine {printable(self.engine)}: is none of {', '.join(ENGINES)}")
        if self.engine == "local":
            for option, given in (("--address", self.address), ("--needs", self.needs)):
                if given is not None:
                    raise ConfigError(f"{option}: belongs to --engine ray")
            if self.workers is not None and self.workers > MOST_LANES:
                raise ConfigError(f"--workers {self.workers}: more than {MOST_LANES} belong to --engine ray")
            return Local(self.workers or 1)
        from pipeline.jobs.ray_engine import open_ray

        return open_ray(self.address, self.workers, self.needs)


class Interrupted(CleanplateError):
    """The user wants it to end."""

    def __init__(self, number: int) -> None:
        super().__init__("interrupted; the same command goes on from here")
        self.exit_code = 128 + number


def say(text: str) -> None:
    """One line on stderr."""
    print(f"cleanplate: {escaped(text)}", file=sys.stderr, flush=True)


def absolute(name: str) -> str:
    """A path as it is known from every folder; an address or a shipped name as it is."""
    is_path = not SCHEME.match(name) and (os.sep in name or Path(name).suffix)
    return os.path.abspath(name) if is_path else name


def errands_of(videos: Sequence[str], outputs: Sequence[str], config: str) -> list[tuple[str, tuple[str, ...]]]:
    """Each video with its outputs. Raises ConfigError."""
    found = [inner for one in videos for inner in (_videos_in(one) if os.path.isdir(one) else [one])]
    if not outputs:
        return [(one.input or "", (_default(one.input or "", config),)) for one in errands(found, (), None)]
    todo = errands(found, outputs, None)
    for errand in todo:
        errand.make_folders()
    return [(errand.input or "", errand.outputs) for errand in todo]


def _videos_in(folder: str) -> list[str]:
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in VIDEOS and path.is_file())
    if not found:
        raise ConfigError(f"{shown(folder)}: there is no video in it")
    return [str(path) for path in found]


def _default(video: str, config: str) -> str:
    path = Path(video)
    suffix = path.suffix if path.suffix.lower() in CONTAINERS else ".mp4"
    return str(path.with_name(f"{path.stem}-{Path(config).stem}{suffix}"))


def run_all(calls: Sequence[tuple[str, Call]], where: Where, *, allow_gaps: bool, offline: bool, quiet: bool) -> int:
    """Run a job for each video, one after the other; the exit code: 0, or that of the first that failed."""
    code = 0
    for number, (video, call) in enumerate(calls, 1):
        if len(calls) > 1 and not quiet:
            say(f"[{number}/{len(calls)}] {shown(video)}")
        try:
            code = run_one(video, call, where, allow_gaps=allow_gaps, offline=offline, quiet=quiet) or code
        except Interrupted:
            raise
        except CleanplateError as error:
            if len(calls) == 1:
                raise
            say(str(error))
            code = code or error.exit_code
    return code


def run_one(
    video: str, call: Call, where: Where, *, allow_gaps: bool = False, offline: bool = False, quiet: bool = False,
    prepare: Callable[[Manifest], None] = lambda _: None,
) -> int:  # fmt: skip
    """Run one job to its end, and show it; the exit code. `prepare` may change its manifest first."""
    told = (lambda _: None) if quiet else say
    folder = folder_of(call.outputs[0])
    _check_folder(folder)
    with locked(folder), _interruptible():
        opened = open_job(video, call, told)
        prepare(opened.manifest)
        ensure_weights(opened.plan, offline=offline, quiet=quiet)
        done = opened.manifest.done
        if done:
            told(f"{done} of {len(opened.manifest.segments)} segments are done already")
        with JobBar(quiet=quiet) as bar:
            engine = where.open()
            job = Job(opened.manifest, folder, opened.recipe, engine, where.workers, told, bar.show)
            job.work()
        if is_joined(opened):
            told(f"{', '.join(opened.plan.outputs)}: is finished already")
            made = opened.plan.outputs
        else:
            made = stitch(opened, allow_gaps=allow_gaps, told=told)
        print(*made, sep="\n", flush=True)
        look_at_seams(opened, told)
    return _judge(opened.manifest, told)


def look_at_seams(job: Opened, told: Callable[[str], None]) -> None:
    """Measure what is not known of them yet, and say which ones stand out."""
    if not is_joined(job):
        return
    measure_seams(job)
    if line := standing_out(job.manifest):
        told(line)


def _check_folder(folder: Path) -> None:
    if not folder.absolute().parent.is_dir():
        raise ConfigError(f"--output: there is no folder {shown(folder.parent)}")


def _judge(manifest: Manifest, told: Callable[[str], None]) -> int:
    """0 where all is well; 4 where something was missing, or met damage, and the file was made all the same."""
    troubled = [segment for segment in manifest.segments if segment.damage or segment.state != "done"]
    if not troubled:
        return 0
    facts = ", ".join(
        f"segment {one.index}: {', '.join(f'{number} {what}' for what, number in one.damage.items()) or one.state}"
        for one in troubled[:10]
    )
    told(f"completed with errors: {facts}")
    return RunError.exit_code


def redo(video: str, call: Call, numbers: Sequence[int], where: Where, *, re_encode: bool, quiet: bool) -> int:
    """Do these segments again, and join anew."""

    def prepare(manifest: Manifest) -> None:
        for number in numbers:
            manifest.segments[number].forget()
            if re_encode:
                manifest.segments[number].how = "re-encoded"

    return run_one(video, call, where, quiet=quiet, prepare=prepare)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end it at once: what was done stays, what is under way is dropped."""

    def end(number: int, _: Any) -> NoReturn:
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(code: int, on_done: str | None) -> None:
    """Run the user's own command, where all went well, and end with the exit code."""
    if code:
        raise typer.Exit(code)
    if on_done:
        ended = subprocess.run(on_done, shell=True, check=False)  # noqa: S602 - it is the user's own line
        if ended.returncode:
            raise RunError(f"--on-done {printable(on_done)}: ended with exit code {ended.returncode}")


def find(video: str, outputs: Sequence[str] | None) -> tuple[Path, Manifest]:
    """The job of a video. Raises ConfigError where there is none, or several, or none but one that cannot be read."""
    found: dict[Path, Manifest] = {}
    unreadable: list[ConfigError] = []
    beside = Path(video).absolute().parent
    for folder in [folder_of(outputs[0])] if outputs else sorted(beside.glob(f"*{BESIDE}")):
        try:
            manifest = load(folder)
        except ConfigError as error:  # whose it is, it does not say: others beside it are to be found all the same
            unreadable.append(error)
            continue
        if manifest and (outputs or _is_of(manifest, video)):
            found[folder] = manifest
    if not found and unreadable:
        raise unreadable[0]
    for one in unreadable:
        say(str(one))
    if not found:
        raise ConfigError(f"{shown(video)}: no job of it{' stands there' if outputs else '; say --output'}")
    if len(found) > 1:
        names = ", ".join(str(folder).removesuffix(BESIDE) for folder in found)
        raise ConfigError(f"{shown(video)}: has several jobs; say --output: {names}")
    return next(iter(found.items()))


def _is_of(manifest: Manifest, video: str) -> bool:
    return os.path.realpath(manifest.input.path) == os.path.realpath(video)


def is_running(folder: Path) -> bool:
    return is_locked(folder / "lock")


def table(folder: Path, manifest: Manifest) -> str:
    """A job in readable lines."""
    running = "is running" if is_running(folder) else "is not running"
    lines = [f"{manifest.input.path}: {manifest.done} of {len(manifest.segments)} segments are done; the job {running}"]
    lines.append(
        f"{'segment':>7}  {'state':<8} {'frames':>7} {'pre-roll':>8} {'tries':>5} {'seconds':>8} {'seam':>5}  "
    )
    for one in manifest.segments:
        what = one.error or ", ".join(f"{number} {kind}" for kind, number in one.damage.items())
        how = "" if one.how == "copied" else "re-encoded; "
        seam = "" if one.seam is None else f"{one.seam:.1f}"
        lines.append(
            f"{one.index:>7}  {one.state:<8} {one.frames:>7} {one.lead:>8} {one.tries:>5} {one.seconds:>8.1f}"
            f" {seam:>5}  {how}{what}".rstrip("; ")
        )
    return "\n".join(lines)
