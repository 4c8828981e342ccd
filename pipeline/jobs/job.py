"""Job: one video done segment by segment, from its manifest to the finished file; any stop is harmless."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.environment import cores
from pipeline.errors import CleanplateError, RunError
from pipeline.jobs.cutting import Cut, Cutter
from pipeline.jobs.engine import Engine, Progress
from pipeline.jobs.index import Index, read_index
from pipeline.jobs.manifest import Manifest, Segment, save
from pipeline.jobs.pace import Pace
from pipeline.jobs.recipe import Recipe
from pipeline.jobs.work import NO_ROOM, Order, Outcome
from stages.output.publish import sync

MOST_TRIES = 3
WORK = "work.yaml"
PARTS, CUTS, UNDERWAY = "parts", "cuts", "underway"
TURN_S = 0.25


@dataclass(frozen=True)
class State:
    """How far a job is, for whoever watches it: segments and frames; of those `under_way` how many frames are out and
    how many they have. `left_s`: seconds, None where nobody can know yet."""

    done: int
    failed: int
    total: int
    frames: int
    frames_done: float
    left_s: float | None
    under_way: dict[int, float]
    lengths: dict[int, int]
    lanes: int


@dataclass
class Job:
    """Does the segments of a manifest that are not done; `folder` is its own, and locked by whoever calls `work()`."""

    manifest: Manifest
    folder: Path
    recipe: Recipe
    engine: Engine
    fixed_lanes: int | None = None
    told: Callable[[str], None] = lambda _: None
    watched: Callable[[State], None] = lambda _: None
    _cuts: dict[int, Cut] = field(default_factory=dict)
    _under_way: dict[int, float] = field(default_factory=dict)  # frames that are out, of each segment
    _index: Index | None = None

    # What stands where

    def results(self, index: int) -> list[Path]:
        """The parts of a segment, one for each output."""
        return [self.folder / PARTS / f"{index:05d}-{number}.nut" for number in range(len(self.recipe.sinks))]

    def _underway(self, index: int) -> list[Path]:
        return [self.folder / UNDERWAY / path.name for path in self.results(index)]

    # The work

    def work(self) -> None:
        """Do all that is left; afterwards every segment is done or failed. Raises RunError where it cannot go on at
        all: no room, nothing can be written. KeyboardInterrupt ends it at once; what was done stays."""
        self._make_folders()
        todo = [segment for segment in self.manifest.segments if segment.state != "done"]
        for segment in todo:
            segment.state = "todo"
        try:
            self._save()  # though nothing is left to do: the video may have been moved
            if todo:
                known = self.manifest.lanes if self.engine.measures else self.engine.lanes
                pace = Pace(self.fixed_lanes or known or None, cores(), self.manifest.speeds, len(todo))
                self._do_all(todo, pace)
        finally:
            self.engine.close()
            for folder in (CUTS, UNDERWAY):
                shutil.rmtree(self.folder / folder, ignore_errors=True)

    def _make_folders(self) -> None:
        try:
            for name in (CUTS, UNDERWAY):  # of an earlier run that was killed
                shutil.rmtree(self.folder / name, ignore_errors=True)
            for name in (PARTS, CUTS, UNDERWAY):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.recipe.write(self.folder / WORK)
        except OSError as error:
            raise RunError(f"{error.filename or self.folder}: cannot be written: {error.strerror}") from error

    def _do_all(self, todo: list[Segment], pace: Pace) -> None:
        cutter = self._cutter()
        fresh = cutter.cuts([segment.piece for segment in todo if segment.how == "copied"])
        queue = list(todo)
        trial: _Trial | None = None
        begun = time.monotonic()
        before = self._frames_done()
        while queue or self._under_way:
            self.engine.lanes = pace.lanes
            if trial is None and pace.trial is not None and not self._under_way and len(queue) >= pace.lanes:
                trial = _Trial(pace.lanes, time.monotonic())
            room = trial.room if trial else pace.lanes - len(self._under_way)
            while queue and room > 0:
                segment = queue.pop(0)
                self._begin(segment, cutter, fresh)
                room -= 1
                if trial:
                    trial.room -= 1
            event = self.engine.wait(TURN_S)
            if isinstance(event, Progress):
                self._under_way[event.index] = max(0.0, event.frames - self.manifest.segments[event.index].lead)
            elif event is not None:
                segment = self.manifest.segments[event.index]
                self._end(segment, event)
                queue += self._made_with_others(segment)
                if segment.state == "todo":
                    queue.insert(0, segment)
                elif trial and segment.state == "done":
                    trial.frames += segment.lead + segment.frames + segment.tail  # the first one has no lead
            if trial and not self._under_way:  # without a frame nothing was measured: the next ones are a trial again
                if trial.frames:
                    pace.measured(trial.lanes, trial.frames, time.monotonic() - trial.begun)
                    self._remember(pace)
                trial = None
            self.watched(self._state(begun, before))

    def _remember(self, pace: Pace) -> None:
        self.manifest.speeds = pace.speeds
        if pace.trial is None:
            self.manifest.lanes = pace.lanes
            said = ", ".join(f"{lanes} at a time {speed:.1f}" for lanes, speed in sorted(pace.speeds.items()))
            self.told(f"measured, frames/s: {said}; goes on with {pace.lanes}")
        self._save()

    def _cutter(self) -> Cutter:
        video, spec = self.manifest.input.path, self.manifest.spec
        self._index = self._index or read_index(video, spec)
        return Cutter(video, self._index, spec, str(self.folder / CUTS))

    def _begin(self, segment: Segment, cutter: Cutter, fresh: Iterator[Cut]) -> None:
        """Cut a segment's file where there is none, and have the engine do it."""
        cut = self._cuts.get(segment.index) or self._cut(segment, cutter, fresh)
        if cut is None:
            return
        self._cuts[segment.index] = cut
        segment.state, segment.hashes.input = "running", cut.sha256
        segment.hashes.config = self.recipe.work
        segment.how = "copied" if cut.exact else "re-encoded"
        segment.damage = dict(cut.damage)
        self._save()
        outputs = tuple(map(str, self._underway(segment.index)))
        sets = tuple(self.recipe.sets(cut.piece, cut.shift))
        self._under_way[segment.index] = 0.0
        self.engine.submit(Order(segment.index, cut.path, str(self.folder / WORK), sets, outputs, cut.piece.frames))

    def _cut(self, segment: Segment, cutter: Cutter, fresh: Iterator[Cut]) -> Cut | None:
        """A segment's file: copied, and where that cannot be, encoded anew; None where nothing can be had of it."""
        try:
            if segment.how == "copied":
                return _next(fresh, segment, cutter)
        except CleanplateError as error:
            _check_room(segment, error)
            self.told(f"segment {segment.index}: {error}; encoded anew")
        segment.how = "re-encoded"
        try:
            return cutter.recode(segment.piece)
        except CleanplateError as error:
            _check_room(segment, error)
            segment.state, segment.error, segment.tries = "failed", str(error), MOST_TRIES
            self._save()
            self.told(f"segment {segment.index}: {error}; is given up")
        return None

    def _end(self, segment: Segment, outcome: Outcome) -> None:
        """Take in what came of a segment: first its files, then the manifest."""
        self._under_way.pop(segment.index, None)
        if outcome.full:
            raise RunError(f"segment {segment.index}: {outcome.error}; make room and give the same command again")
        if outcome.interrupted:
            segment.state = "todo"
        elif outcome.error:
            self._fail(segment, outcome)
        else:
            for made, path in zip(self._underway(segment.index), self.results(segment.index), strict=True):
                os.replace(made, path)
            sync(str(self.folder / PARTS))
            segment.state, segment.error, segment.seconds = "done", "", outcome.seconds
            segment.written, segment.last_duration = outcome.written, outcome.last_duration
            segment.hashes.models, segment.hashes.result = outcome.models, list(outcome.results)
            segment.damage |= outcome.damage
            for beside in self.manifest.segments[segment.index : segment.index + 2]:
                beside.seam = None
            self._discard_cut(segment)
        self._save()

    def _made_with_others(self, latest: Segment) -> list[Segment]:
        """Segments that were done with other weights than the latest one, of models of the same names: they are to be
        done again."""
        now = latest.hashes.models if latest.state == "done" else {}
        found = [one for one in self.manifest.segments if one.state == "done" and _differ(one.hashes.models, now)]
        for segment in found:
            segment.forget()
        if found:
            self.told(f"the weights of a model have changed: {len(found)} segments are done again")
            self._save()
        return found

    def _fail(self, segment: Segment, outcome: Outcome) -> None:
        segment.tries += 1
        segment.error = outcome.error
        segment.state = "failed" if segment.tries >= MOST_TRIES else "todo"
        damaged = bool(outcome.damage) and segment.how == "copied"
        if segment.state == "todo" and segment.how == "copied" and (damaged or segment.tries == MOST_TRIES - 1):
            segment.how = "re-encoded"
            self._discard_cut(segment)
        elif segment.state == "failed":
            self._discard_cut(segment)
        what = "is given up" if segment.state == "failed" else "is tried again"
        what += ", its input encoded anew" if segment.how == "re-encoded" and segment.state == "todo" else ""
        self.told(f"segment {segment.index}: {outcome.error}; {what}")

    def _discard_cut(self, segment: Segment) -> None:
        cut = self._cuts.pop(segment.index, None)
        if cut is not None:
            Path(cut.path).unlink(missing_ok=True)

    def _save(self) -> None:
        save(self.manifest, self.folder)

    # How far it is

    def _frames_done(self) -> float:
        whole = sum(segment.frames for segment in self.manifest.segments if segment.state == "done")
        return whole + sum(self._under_way.values())

    def _state(self, begun: float, before: float) -> State:
        segments = self.manifest.segments
        done, frames = self._frames_done(), sum(segment.frames for segment in segments)
        lost = sum(segment.frames for segment in segments if segment.state == "failed")
        rate = (done - before) / max(time.monotonic() - begun, 1e-9)
        left = (frames - lost - done) / rate if rate > 0 else None
        failed = sum(segment.state == "failed" for segment in segments)
        lanes = self.engine.lanes
        lengths = {index: segments[index].frames for index in self._under_way}
        return State(
            self.manifest.done, failed, len(segments), frames, done, left, dict(self._under_way), lengths, lanes
        )


@dataclass
class _Trial:
    """As many segments as there are lanes, begun together, to measure how fast that is."""

    lanes: int
    begun: float
    room: int = 0
    frames: int = 0

    def __post_init__(self) -> None:
        self.room = self.lanes


def _next(fresh: Iterator[Cut], segment: Segment, cutter: Cutter) -> Cut:
    """The cut of a segment: the next one of those that are made in order, or one of its own."""
    for cut in fresh:
        if cut.piece.index == segment.index:
            return cut
        Path(cut.path).unlink(missing_ok=True)
    return next(cutter.cuts([segment.piece]))


def _differ(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    return any(before[name] != now[name] for name in before.keys() & now.keys())


def _check_room(segment: Segment, error: CleanplateError) -> None:
    """Where there is no room, no other way will find any. Raises RunError."""
    if any(text in str(error) for text in NO_ROOM):
        raise RunError(f"segment {segment.index}: {error}; make room and give the same command again") from error
