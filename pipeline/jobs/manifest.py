"""Manifest: the state of a job as it stands on the disk, beside its output; written whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError, RunError
from pipeline.frame import FrameSpec
from pipeline.jobs.durable import write_durably
from pipeline.jobs.pieces import Piece
from stages.media import shown

VERSION = 1
NAME = "job.json"
State = Literal["todo", "running", "done", "failed"]
How = Literal["copied", "re-encoded"]


class _Lasting(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Hashes(_Lasting):
    """SHA-256 of what a segment was made of, and of what it became: of its packets, of the configuration, of each
    model's weights, and of the files of the outputs. Empty where it is not known yet."""

    input: str = ""
    config: str = ""
    models: dict[str, str] = Field(default_factory=dict)
    result: list[str] = Field(default_factory=list)


class Segment(_Lasting):
    """One piece of the video. Time stamps are ticks of the job's `time_base`; `first` is the first picture's, `stop`
    that of the first one behind it (none: to the end), `lead_from` that of the first of `lead` pictures before it which
    warm up what remembers, `tail_stop` that of the one behind the `tail` pictures to which stages look ahead. `tries`:
    how often it has failed, with the last `error`."""

    index: int
    first: int
    stop: int | None
    frames: int
    lead_from: int
    lead: int
    tail: int = 0
    tail_stop: int | None = None
    sparse: tuple[int, ...] = ()
    """Of the lead before `dense`: single pictures of a longer time, by time stamp (none: there are no such)."""
    dense: int | None = None
    state: State = "todo"
    tries: int = 0
    error: str = ""
    how: How = "copied"
    seconds: float = 0.0
    last_duration: int = 0
    written: int = 0
    """Frames in the result: of a damaged source fewer than `frames`."""
    seam: float | None = None
    """How many times as much the picture changes where it begins as around there; None: not measured (see seams.py)."""
    damage: dict[str, int] = Field(default_factory=dict)
    hashes: Hashes = Field(default_factory=Hashes)

    @property
    def piece(self) -> Piece:
        return Piece(**{name: getattr(self, name) for name in Piece.__dataclass_fields__})

    @classmethod
    def of(cls, piece: Piece) -> Segment:
        return cls(**vars(piece))

    def forget(self) -> None:
        """Have it done again, as if it had never been."""
        self.state, self.tries, self.error, self.how = "todo", 0, "", "copied"
        self.written, self.damage, self.hashes = 0, {}, Hashes()


class Input(_Lasting):
    """By what the video is known again: its size in bytes, and the SHA-256 of size, head and tail."""

    path: str
    size: int
    mtime_ns: int
    ends: str


class Call(_Lasting):
    """What the user asked for, enough to ask for it again."""

    config: str
    sets: list[str]
    outputs: list[str]
    segment: str
    preroll: str
    reach: str = "0"


class Manifest(_Lasting):
    """A job: one video, and what becomes of it."""

    version: int = VERSION
    call: Call
    input: Input
    spec: FrameSpec
    copied: bool = True
    work: str
    """SHA-256 of what decides about the frames: stages, their fields, the codec."""
    join: str
    """The same of what decides only about the finished file: its other tracks."""
    lanes: int = 0
    """Segments at a time, as measured; 0: not measured yet."""
    speeds: dict[str, float] = Field(default_factory=dict)
    """Frames/s by number of lanes."""
    preroll_s: float
    joined: str = ""
    """What the finished file was joined from; empty: it is not."""
    segments: list[Segment]

    @property
    def done(self) -> int:
        return sum(segment.state == "done" for segment in self.segments)

    @property
    def contents(self) -> str:
        """What a finished file would be joined from: another one as soon as a segment's result is another."""
        return " ".join([self.join, *(" ".join(one.hashes.result) or one.state for one in self.segments)])


def save(manifest: Manifest, folder: Path) -> None:
    """Raises RunError."""
    try:
        write_durably(folder / NAME, manifest.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise RunError(f"{shown(folder / NAME)}: cannot be written: {error.strerror}") from error


def load(folder: Path) -> Manifest | None:
    """None where there is none. Raises ConfigError for one that cannot be read, or is of another version."""
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error}") from error
    try:
        found = Manifest.model_validate_json(text)
    except ValidationError as error:
        what = f"{error.errors()[0]['msg']} at {'.'.join(map(str, error.errors()[0]['loc']))}"
        version = f"of another version than {VERSION}" if '"version"' in text else "no manifest of a job"
        raise ConfigError(
            f"{shown(path)}: {version} ({what}); nothing was changed: finish it with the version that"
            " began it, or take another output"
        ) from error
    if found.version != VERSION:
        raise ConfigError(f"{shown(path)}: version {found.version}, but this reads {VERSION}")
    return found
