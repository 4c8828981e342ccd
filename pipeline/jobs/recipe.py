"""Recipe: a user's pipeline turned into what is run for each segment: another source, other sinks, the same between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import BuiltStage, Plan
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec
from pipeline.jobs.durable import write_durably
from pipeline.jobs.pieces import Piece
from pipeline.stage import Sink, Source
from stages.ingest.file import File as FileSource
from stages.output.file import File as FileSink

SINK = "stages.output.segment:Segment"
RANGE = ("start", "end")
JOINED = frozenset({"output", "audio", "subtitles", "data", "attachments", "chapters", "metadata"})
SPEED = frozenset({"workers", "autoscale", "restart"})  # of a stage: what changes no frame


@dataclass(frozen=True)
class Recipe:
    """How the segments of one video are done: a configuration that is the same for all of them, and its sinks."""

    source: str  # name of the source's stage
    sinks: tuple[str, ...]
    config: dict[str, Any]
    work: str
    join: str
    tail: int = 0  # frames that stages look ahead

    def write(self, path: Path) -> None:
        """As YAML (JSON is YAML): with it one segment can be run by hand. Raises OSError."""
        write_durably(path, json.dumps(self.config, indent=1) + "\n")

    def sets(self, piece: Piece, shift: int) -> list[str]:
        """What is to be set for one piece; `shift` as of its Cut."""
        looked_at: dict[str, Any] = {"lead": piece.lead, "lead_from": piece.lead_from, "tail": piece.tail}
        looked_at |= {"sparse": piece.sparse, "dense": piece.dense}
        given = {"first": piece.first, "stop": piece.tail_stop, "shift": shift, "own": piece.frames, **looked_at}
        values = {f"{self.source}.{key}": value for key, value in given.items()}
        for name in self.sinks:
            values |= {f"{name}.lead": piece.lead, f"{name}.own": piece.frames}
        return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def source_of(plan: Plan) -> FileSource:
    """A source of one's own that describes the video. Raises ConfigError where it is no file."""
    built = plan.stages[0]
    if not isinstance(built.stage, FileSource):
        raise ConfigError(f"{built.options.get('input', '')}: a job cuts a video file into segments, and this is none")
    return type(built.stage).model_validate(dict(built.options))


def sinks_of(plan: Plan) -> list[FileSink]:
    """Sinks of one's own that join the segments. Raises ConfigError where one writes no video file."""
    found = []
    for built in plan.stages:
        if isinstance(built.stage, FileSink):
            found.append(type(built.stage).model_validate(dict(built.options)))
        elif isinstance(built.stage, Sink):
            where = built.options.get("output") or built.uses
            raise ConfigError(f"{where}: a job joins its segments into video files; take a name such as clean.mp4")
    return found


def recipe_of(plan: Plan, spec: FrameSpec) -> Recipe:
    """Raises ConfigError."""
    source_of(plan)
    names = tuple(built.name for built in plan.stages if isinstance(built.stage, FileSink))
    sinks_of(plan)
    stages = [_stage(built, spec) for built in plan.stages]
    config = plan.config.model_dump(mode="json", exclude={"stages"}, exclude_none=True, exclude_defaults=True)
    whole = {**config, "on_full": "block", "stages": stages}
    lasting = spec.model_copy(update={"source": "", "declared_frames": None})  # moved, or grown, it is the same video
    work = [_stage(built, lasting) for built in plan.stages]
    work = [{key: value for key, value in stage.items() if key not in SPEED} for stage in work]
    joins = [
        {key: str(value) for key, value in built.options.items() if key in JOINED}
        for built in plan.stages
        if isinstance(built.stage, FileSink)
    ]
    facts = {key: value for key, value in config.items() if key not in ("name", "slots", "gpu")}
    tail = max(built.later for built in plan.stages)
    return Recipe(plan.stages[0].name, names, whole, _hash([facts, work]), _hash(joins), tail)


def _stage(built: BuiltStage, spec: FrameSpec) -> dict[str, Any]:
    """A stage as it is written in a configuration."""
    raw = built.config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    options: dict[str, Any] = json.loads(json.dumps(dict(built.options), default=str))
    uses = built.uses
    if isinstance(built.stage, Source):
        uses = "stages.ingest.segment:Segment"
        options = {key: value for key, value in options.items() if key not in (*RANGE, "input")}
        options["whole"] = spec.model_dump(mode="json")
    elif isinstance(built.stage, Sink):
        uses = SINK
        options = {key: value for key, value in options.items() if key not in JOINED}
    return {**raw, "uses": uses, "with": options, "after": built.after} if built.after else {
        **raw, "uses": uses, "with": options
    }  # fmt: skip


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def checksums(report: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the weights of each model that ran, by its name, as a run report tells."""
    return {str(one["name"]): str(one["checksum"]) for one in report.get("models", ()) if one.get("checksum")}
