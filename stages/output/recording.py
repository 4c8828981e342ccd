"""Recording: a run as a row of short files in a folder, the oldest of which make room for new ones."""

from __future__ import annotations

import errno
import os
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import live
from stages.media import shown, stamp
from stages.output.codecs import Codec, CodecName, Preset
from stages.output.encoding import Encoding
from stages.output.part import Part, read_packets
from stages.output.recording_index import Index, Segment, is_file, size_of
from stages.output.recording_publish import Publisher
from stages.output.recording_room import GB, Limits, Room
from stages.output.views import Canvas, Viewing
from stages.output.wishes import Hardware, check_held, check_wish, encoding_for

SCHEME = "recording:"
MOST_WAITING = 4  # parts that are to be completed: where the disk is slower than the recording, it waits
SILENCE_S = 10.0  # without a frame, after which a segment is completed: it may be the last one for long
FULL = "disk nearly full"


class Recording(Viewing):
    """Each file begins with a key frame and is named by its first frame's time (UTC) and its number; it appears when it
    is complete. What a killed run left is completed at the next start. Only files that a recording made are deleted."""

    pulse: ClassVar[float | None] = 0.2
    deadline: ClassVar[float] = 10.0  # a disk may stand still for seconds and come back

    output: str = Field(default="", description="recording:FOLDER")
    enabled: bool = live(
        default=True, description="whether frames are recorded; switched off, the file that is open is completed"
    )
    length: float = Field(default=60, gt=0, le=86400, description="seconds of video in a file")
    container: Literal["mp4", "mkv", "mov", "avi", "webm"] = Field(default="mp4", description="of each file")
    codec: CodecName = Field(default="h264", description="ffv1 is lossless; prores goes into mkv and mov")
    hardware: Hardware = Field(default="off", description="encoder of the graphics card; auto: the first that works")
    crf: int | None = Field(default=None, description="quality as for a file: lower is better")
    preset: Preset | None = Field(default=None, description="effort of the encoder: slower is smaller")
    keep_hours: float | None = Field(default=None, gt=0, description="older files are deleted; none: kept")
    keep_gb: float | None = Field(default=None, gt=0, description="GB (10^9 bytes) of all files together")
    keep_files: int | None = Field(default=None, ge=1, description="how many files are kept")
    keep_free_gb: float = Field(
        default=1.0, ge=0, description="GB of the disk that stay free: the oldest files go, then frames are left out"
    )

    _resumed: int | None = PrivateAttr(default=None)
    _canvas: Canvas = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _encoding: Encoding = PrivateAttr()
    _index: Index | None = PrivateAttr(default=None)
    _room: Room = PrivateAttr()
    _publisher: Publisher = PrivateAttr()
    _open: tuple[Segment, Part] | None = PrivateAttr(default=None)
    _begun: int = PrivateAttr(default=0)  # the time stamp of the open segment's first frame
    _came: float = PrivateAttr(default=0.0)  # when the last frame did
    _place: int = PrivateAttr(default=0)  # frames of this run
    _segments: int = PrivateAttr(default=0)
    _bytes: int = PrivateAttr(default=0)
    _unfinished: list[Segment] = PrivateAttr(default_factory=list)
    _tidied: float = PrivateAttr(default=0.0)
    _troubled: set[str] = PrivateAttr(default_factory=set)

    @field_validator("crf", "preset")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        check_wish(info.data.get("codec", ""), info.data.get("hardware", ""), **{str(info.field_name): value})
        return value

    def resume(self, frames: int) -> None:
        self._resumed = frames

    def setup(self, spec: FrameSpec) -> None:
        folder = self.output.removeprefix(SCHEME)
        if not folder or not self.output.startswith(SCHEME):
            raise SetupError("no output is given: --output recording:FOLDER")
        check_held(folder, f".{self.container}", self.codec)
        self._canvas = self.canvas(spec)
        self._spec = self._canvas.spec
        self._encoding = encoding_for(self.codec, self.hardware, self._encode_with, self.context.note)
        self._index = Index(Path(folder))
        self._publisher = Publisher()
        self._room = Room(self._index, self._limits)
        self._place, self._came = self._resumed or 0, time.monotonic()
        self._take_up(self._index)
        self._keep_to_limits(self._index)

    def _encode_with(self, codec: Codec) -> Encoding:
        return Encoding(codec, self._spec, codec.settings(self.crf, self.preset, None))

    @property
    def _limits(self) -> Limits:
        seconds = None if self.keep_hours is None else self.keep_hours * 3600
        most = None if self.keep_gb is None else self.keep_gb * GB
        return Limits(seconds, most, self.keep_files, self.keep_free_gb * GB)

    @property
    def _step(self) -> Fraction:
        """Seconds of a nominal frame."""
        return 1 / self._spec.rate

    # After a death

    def _take_up(self, index: Index) -> None:
        """Go on with the segment in which this run was cut off; complete those that earlier runs left."""
        last = index.segments[-1] if index.segments else None
        ours = self._resumed is not None and last is not None and not last.over and last.run == os.getppid()
        mine = last if ours else None
        if mine is not None and not self.enabled:  # switched off as the worker died: nothing comes into it any more
            index.end(mine)
            mine = None
        left = [segment for segment in index.segments if segment is not mine and is_file(index.part(segment))]
        for segment in left:
            segment.size = 0
            self._unfinished.append(segment)
            self._publisher.submit(index.path(segment), self._step)
        if left and self._resumed is None:
            self.context.note(f"{shown(index.folder)}: completing {len(left)} of an interrupted recording")
        if mine is not None:
            self._go_on(index, mine, self._place - mine.first)

    def _go_on(self, index: Index, segment: Segment, frames: int) -> None:
        path = str(index.part(segment))
        if frames <= 0:  # what was begun for the frame that comes now
            Path(path).unlink()
            index.forget(segment)
            return
        first = next(read_packets(path, self.context.progress))
        self._begun = round(stamp(first) * first.time_base / self._spec.time_base)
        part = Part(path, self._encoding)
        part.take_up(frames, self.context.progress)
        self._open = segment, part
        self._unfinished.append(segment)

    # Frames

    def changed(self, fields: frozenset[str]) -> None:
        """Switched off, what was recorded is to be had at once; switched on again, a new file begins."""
        if not self.enabled and self._index is not None:
            self._cut(self._index)

    def write(self, frame: Frame) -> None:
        assert self._index is not None
        index = self._index
        self._came = time.monotonic()
        if not self.enabled:
            self._place += 1
            self.context.says("")
            self._tend(index)
            return
        if self._open is not None and self._is_over(self._open[1], frame.pts):
            self._cut(index)
        self._hear(index)
        try:
            kept = self._has_room(index) and self._record(index, frame)
        except OSError as error:
            raise RunError(f"{shown(index.folder)}: {error}") from error
        self._place += 1
        self.context.says("" if kept else FULL)
        if not kept:
            self.context.error(f"frames left out: {FULL}")
            self.context.note(
                f"{shown(index.folder)}: {FULL} ({self.keep_free_gb:g} GB stay free); frames are left out"
            )

    def _is_over(self, part: Part, pts: int) -> bool:
        return pts <= part.last or (pts - self._begun) * self._spec.time_base >= Fraction(str(self.length))

    def _record(self, index: Index, frame: Frame) -> bool:
        """False where the disk would not take it."""
        try:
            _, part = self._open or self._begin(index, frame.pts)
            part.add(self._canvas.of(frame), frame.pts, frame.duration)
        except RunError as error:
            if getattr(error.__cause__, "errno", None) != errno.ENOSPC:
                raise
            self._cut(index)
            return False
        return True

    def _begin(self, index: Index, pts: int) -> tuple[Segment, Part]:
        segment = index.begin(datetime.now(UTC), self.container, self._place)
        part = Part(str(index.part(segment)), self._encoding)
        self._open, self._begun = (segment, part), pts
        self._unfinished.append(segment)
        try:
            part.create()
        except SetupError as error:
            raise RunError(str(error)) from error.__cause__
        part.last = pts - 1  # nothing is in it yet
        return self._open

    def _cut(self, index: Index) -> None:
        """The open segment is over: it is completed beside what goes on."""
        if self._open is None:
            return
        segment, part = self._open
        self._open = None
        try:
            part.close()
            index.end(segment)
        except RunError as error:  # a full disk: what is in it can be read all the same
            self.context.note(str(error))
        self._publisher.submit(index.path(segment), self._step)
        while self._publisher.backlog > MOST_WAITING:
            self.context.progress()
            time.sleep(0.05)

    def idle(self) -> None:
        if self._index is None:
            return
        if self._open is not None and time.monotonic() - self._came > SILENCE_S:
            self._cut(self._index)
        self._tend(self._index)

    def _tend(self, index: Index) -> None:
        """While nothing is recorded what is over is completed all the same, and what is too old goes."""
        self._hear(index)
        if time.monotonic() - self._tidied > SILENCE_S:
            self._keep_to_limits(index)

    # Room

    def _hear(self, index: Index) -> None:
        """What has become of the segments that are over."""
        outcomes = self._publisher.outcomes()
        for outcome in outcomes:
            segment = next((one for one in index.segments if one.name == outcome.name), None)
            if outcome.trouble and outcome.name not in self._troubled:
                self._troubled.add(outcome.name)
                self.context.error("segments not completed")
                self.context.note(outcome.trouble)
            if segment is None or outcome.trouble:
                continue
            self._unfinished.remove(segment)
            if outcome.frames:
                segment.size = outcome.size
                self._segments, self._bytes = self._segments + 1, self._bytes + outcome.size
            else:
                index.forget(segment)
        if outcomes:
            self._keep_to_limits(index)

    def _growing(self, index: Index) -> int:
        """Bytes in parts."""
        return sum(size_of(index.part(segment)) for segment in self._unfinished)

    def _keep_to_limits(self, index: Index) -> None:
        self._tidied = time.monotonic()
        try:
            self._room.tidy(self._growing(index))
        except OSError as error:
            raise RunError(f"{shown(index.folder)}: {error}") from error

    def _has_room(self, index: Index) -> bool:
        if self._room.has_room(self._growing(index)):
            return True
        self._cut(index)
        return False

    # The end

    def finish(self) -> dict[str, Any]:
        assert self._index is not None
        self._cut(self._index)
        while self._publisher.backlog:
            self.context.progress()
            time.sleep(0.01)
        self._hear(self._index)
        facts = {"output": self.output, "frames": self._place, "segments": self._segments, "bytes": self._bytes}
        return {**facts, "codec": self.codec, "deleted": self._room.deleted}

    def close(self) -> None:
        if self._index is None:
            return
        if self._open is not None:
            self._open[1].close()
        self._publisher.close()
        self._index.close()
