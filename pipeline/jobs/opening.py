"""Opening: a job is found again or begun; what no longer holds of an earlier one is said and done again, no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline.config import Plan, load_config
from pipeline.errors import CleanplateError, ConfigError, RunError
from pipeline.frame import FrameSpec
from pipeline.jobs.cutting import Cutter
from pipeline.jobs.durable import ends_of, sha256_of
from pipeline.jobs.index import Index, read_index
from pipeline.jobs.job import CUTS, PARTS
from pipeline.jobs.manifest import Call, Input, Manifest, Segment, load
from pipeline.jobs.pieces import Piece, cuts_by_scene, cuts_by_time, pieces
from pipeline.jobs.recipe import Recipe, recipe_of, sinks_of, source_of
from pipeline.jobs.scenes import scene_changes
from pipeline.reading import printable
from stages.ingest.span import parse_time
from stages.media import shown

BESIDE = ".job"
SCENES = "scenes"
SECONDS = Fraction(15)
LEAST, MOST = Fraction(1, 2), Fraction(3600)
MOST_BEFORE = 600  # seconds
PREROLL = "3"
_UNIT = re.compile(r"([0-9.]+)\s*(s|m|min|h)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Opened:
    """A job that can be worked on: its folder, its manifest, what is run for each segment, and the whole pipeline."""

    folder: Path
    manifest: Manifest
    recipe: Recipe
    plan: Plan
    is_new: bool


def folder_of(output: str) -> Path:
    """Where the job stands that makes `output`."""
    return Path(f"{output.rstrip('/')}{BESIDE}")


def duration(text: str) -> Fraction:
    """Seconds from `15`, `15s`, `1.5m`, `1:30`. Raises ValueError."""
    match = _UNIT.fullmatch(text.strip())
    seconds = Fraction(match[1]) * _UNITS[match[2]] if match else parse_time(text)
    return seconds


def segment_of(text: str) -> Fraction | None:
    """The length of a segment in seconds; None where scenes decide. Raises ConfigError."""
    if text == SCENES:
        return None
    try:
        seconds = duration(text)
    except ValueError as error:
        raise ConfigError(f"--segment {printable(text)}: {error}, or {SCENES}") from error
    if not LEAST <= seconds <= MOST:
        raise ConfigError(f"--segment {printable(text)}: must be within {float(LEAST)} s and {int(MOST)} s")
    return seconds


def before_of(option: str, text: str) -> Fraction:
    """How many seconds before a segment are looked at, as `option` says. Raises ConfigError."""
    try:
        seconds = duration(text)
    except ValueError as error:
        raise ConfigError(f"{option} {printable(text)}: {error}") from error
    if seconds > MOST_BEFORE:
        raise ConfigError(f"{option} {printable(text)}: more than {MOST_BEFORE} s come close to no segments at all")
    return seconds


def open_job(video: str, call: Call, told: Callable[[str], None] = lambda _: None) -> Opened:
    """The job for `call`, as an earlier one left it or new. Writes nothing. Raises CleanplateError."""
    plan = load_config(call.config, sets=call.sets, given=video, wanted=call.outputs)
    sinks, folder = sinks_of(plan), folder_of(plan.outputs[0])
    with closing(source_of(plan)) as source:
        spec = source.open()
    for sink in sinks:
        sink.part_for(spec, "")  # what could not be finished is refused before anything is done
    recipe = recipe_of(plan, spec)
    given = _input(video)
    found = load(folder)
    if found is None:
        manifest = _plan(video, spec, call, recipe, given)
        return Opened(folder, manifest, recipe, plan, is_new=True)
    return Opened(folder, _go_on(found, call, spec, recipe, given, folder, told), recipe, plan, is_new=False)


def _input(video: str) -> Input:
    path = Path(video)
    try:
        status = path.stat()
        return Input(path=str(path.absolute()), size=status.st_size, mtime_ns=status.st_mtime_ns, ends=ends_of(path))
    except OSError as error:
        raise RunError(f"{shown(video)}: cannot be read: {error.strerror}") from error


def _plan(video: str, spec: FrameSpec, call: Call, recipe: Recipe, given: Input) -> Manifest:
    """A new job: the video is indexed and cut, on paper."""
    seconds = segment_of(call.segment)
    preroll, reach = before_of("--preroll", call.preroll), before_of("--reach", call.reach)
    index = read_index(video, spec)
    made = pieces(index, _cuts(video, index, seconds), preroll, recipe.tail, reach)
    return Manifest(
        call=call,
        input=given,
        spec=spec,
        copied=index.copied,
        work=recipe.work,
        join=recipe.join,
        preroll_s=float(preroll),
        segments=[Segment.of(piece) for piece in made],
    )


def _cuts(video: str, index: Index, seconds: Fraction | None) -> list[int]:
    if seconds is None:
        return cuts_by_scene(index, scene_changes(video, index), SECONDS)
    return cuts_by_time(index, seconds)


def _go_on(
    found: Manifest,
    call: Call,
    spec: FrameSpec,
    recipe: Recipe,
    given: Input,
    folder: Path,
    told: Callable[[str], None],
) -> Manifest:
    """An earlier job, with what no longer holds taken back."""
    asked, was = ((one.segment, one.preroll, one.reach) for one in (call, found.call))
    if asked != was:
        told(
            f"the segments are cut anew ({call.segment}, pre-roll {call.preroll}, reach {call.reach}): all of them are"
            " done again"
        )
        return _plan(given.path, spec, call, recipe, given)
    if (given.size, given.ends) != (found.input.size, found.input.ends) or spec != _moved(found.spec, spec):
        found = _with_other_input(found, call, spec, recipe, given, folder, told)
    elif given.mtime_ns != found.input.mtime_ns:
        _check_packets(found, spec, given, folder, told)
    found.input = given
    found.spec = spec
    if recipe.work != found.work:
        told("the configuration has changed: all segments are done again")
        for segment in found.segments:
            segment.forget()
        found.speeds, found.lanes = {}, 0
    elif recipe.join != found.join:
        told("only what is joined has changed: no segment is done again")
    found.call, found.work, found.join = call, recipe.work, recipe.join
    _check_results(found, folder, len(recipe.sinks), told)
    return found


def _moved(old: FrameSpec, new: FrameSpec) -> FrameSpec:
    """The old one, were the video where the new one is."""
    return old.model_copy(update={"source": new.source})


def _with_other_input(
    found: Manifest,
    call: Call,
    spec: FrameSpec,
    recipe: Recipe,
    given: Input,
    folder: Path,
    told: Callable[[str], None],
) -> Manifest:
    """The video is another one: segments of which the packets are the same stay done."""
    fresh = _plan(given.path, spec, call, recipe, given)
    if spec.model_copy(update={"declared_frames": None}) != _moved(found.spec, spec).model_copy(
        update={"declared_frames": None}
    ):
        told("the video is another one: all segments are done again")
        return fresh
    old = {segment.piece: segment for segment in found.segments if segment.state == "done" and segment.how == "copied"}
    now = _packets_of(given.path, spec, [one.piece for one in fresh.segments if one.piece in old], folder)
    kept = 0
    for number, segment in enumerate(fresh.segments if fresh.copied else ()):
        before = old.get(segment.piece)
        if before is not None and now.get(segment.index) == before.hashes.input:
            fresh.segments[number] = before
            kept += 1
    fresh.work, fresh.join, fresh.lanes, fresh.speeds = found.work, found.join, found.lanes, found.speeds
    told(f"the video has changed: {len(fresh.segments) - kept} of {len(fresh.segments)} segments are done again")
    return fresh


def _check_packets(found: Manifest, spec: FrameSpec, given: Input, folder: Path, told: Callable[[str], None]) -> None:
    """Size, head and tail are the same, the time of change is not: who knows what was changed between."""
    done = [segment for segment in found.segments if segment.state == "done" and segment.how == "copied"]
    now = _packets_of(given.path, spec, [segment.piece for segment in done], folder)
    others = [segment for segment in done if now.get(segment.index) != segment.hashes.input]
    for segment in others:
        segment.forget()
    count = f"{len(others)} of {len(found.segments)} segments are done again"
    told(f"the video has changed: {count}" if others else "the video was touched, but it is the same")


def _packets_of(video: str, spec: FrameSpec, wanted: Sequence[Piece], folder: Path) -> dict[int, str]:
    """By segment the hash of its packets as they are now; none where they cannot be had."""
    if not wanted:
        return {}
    (folder / CUTS).mkdir(parents=True, exist_ok=True)
    cutter = Cutter(video, read_index(video, spec), spec, str(folder / CUTS))
    found = {}
    for piece in wanted:
        with suppress(CleanplateError):
            cut = cutter.copy(piece)
            found[piece.index] = cut.sha256
            Path(cut.path).unlink()
    return found


def _check_results(found: Manifest, folder: Path, sinks: int, told: Callable[[str], None]) -> None:
    """A segment whose file is gone, or is not what it was, is done again."""
    for segment in found.segments:
        if segment.state == "running":
            segment.state = "todo"
        if segment.state != "done":
            continue
        paths = [folder / PARTS / f"{segment.index:05d}-{number}.nut" for number in range(sinks)]
        if why := _changed(paths, segment.hashes.result):
            told(f"segment {segment.index}: {why}; it is done again")
            segment.forget()


def _changed(paths: Sequence[Path], hashes: Sequence[str]) -> str:
    if len(paths) != len(hashes):
        return "it has other outputs"
    for path, was in zip(paths, hashes, strict=True):
        try:
            if sha256_of(path) != was:
                return f"{path.name} is not what it was"
        except OSError:
            return f"{path.name} is gone"
    return ""
