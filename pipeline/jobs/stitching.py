"""Stitching: the segments' parts become the finished files, with every other track of the video; never short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import RunError
from pipeline.jobs.durable import sha256_of
from pipeline.jobs.gap import fill_gap
from pipeline.jobs.index import read_index
from pipeline.jobs.job import PARTS
from pipeline.jobs.manifest import Segment, save
from pipeline.jobs.opening import Opened
from pipeline.jobs.recipe import sinks_of
from pipeline.stage import Context
from stages.output.file import File

GAPS, JOINED = "gaps", "joined"


class _Telling(Context):
    """There is no run that would show what a sink has to say."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__()
        self._told = told

    def note(self, text: str) -> None:
        self._told(text)


def stitch(job: Opened, *, allow_gaps: bool = False, told: Callable[[str], None] = lambda _: None) -> list[str]:
    """Make the finished files; their names. Raises RunError where a segment is missing and no gap is allowed; then what
    was there stays as it was."""
    manifest = job.manifest
    missing = [segment for segment in manifest.segments if segment.state != "done"]
    if missing and not allow_gaps:
        which = ", ".join(str(segment.index) for segment in missing[:20])
        raise RunError(
            f"{len(missing)} of {len(manifest.segments)} segments are missing ({which}):"
            f" {missing[0].error or 'not done'}; give the same command again, or `cleanplate job stitch --allow-gaps`"
        )
    sinks = sinks_of(job.plan)
    stamps = _stamps(job, missing) if missing else {}
    frames = sum(segment.written or len(stamps.get(segment.index, ())) for segment in manifest.segments)
    for number, sink in enumerate(sinks):
        sink._context = _Telling(told)
        parts = [_part(job, sink, number, segment, stamps) for segment in manifest.segments]
        grows = str(job.folder / f"{JOINED}-{number}.part")
        try:
            sink.assemble(manifest.spec, parts, grows, frames, manifest.segments[-1].last_duration or None)
        finally:  # all that is in it is in the parts
            for name in (grows, f"{grows}.out"):
                Path(name).unlink(missing_ok=True)
    manifest.joined = manifest.contents
    save(manifest, job.folder)
    return [sink.output for sink in sinks]


def is_joined(job: Opened) -> bool:
    """Whether the finished files are there, made of what the segments are now."""
    outputs = [Path(output) for output in job.plan.outputs]
    return job.manifest.joined == job.manifest.contents and all(path.exists() for path in outputs)


def _stamps(job: Opened, missing: Sequence[Segment]) -> dict[int, list[int]]:
    """When the pictures of missing segments would be shown."""
    pts = read_index(job.manifest.input.path, job.manifest.spec).pts
    found: dict[int, list[int]] = {}
    for segment in missing:
        begin = int(np.searchsorted(pts, segment.first))
        end = len(pts) if segment.stop is None else int(np.searchsorted(pts, segment.stop))
        found[segment.index] = [int(stamp) for stamp in pts[begin:end]]
    return found


def _part(job: Opened, sink: File, number: int, segment: Segment, stamps: dict[int, list[int]]) -> str:
    """The file of a segment, or of what stands in its place."""
    path = job.folder / PARTS / f"{segment.index:05d}-{number}.nut"
    if segment.state == "done":
        if sha256_of(path) != segment.hashes.result[number]:
            raise RunError(f"{path}: is not what it was; give the same command again, and it is done again")
        return str(path)
    gap = job.folder / GAPS / path.name
    gap.parent.mkdir(exist_ok=True)
    fill_gap(sink, job.manifest.spec, stamps[segment.index], gap, f"segment {segment.index} is missing")
    return str(gap)


def status_of(segments: Sequence[Segment]) -> dict[str, Any]:
    """The segments of a job and how many are in which state."""
    states = [segment.state for segment in segments]
    count = {state: states.count(state) for state in ("todo", "running", "done", "failed")}
    return {"count": count, "segments": [segment.model_dump(mode="json") for segment in segments]}
