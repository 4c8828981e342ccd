"""File: a video file as a sink; what was written survives a kill, and the finished file appears at once and whole."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec
from stages.ingest.lavfi import SCHEME
from stages.ingest.still import is_still
from stages.media import open_media, shown
from stages.output.codecs import CODECS, Codec, CodecName, Preset, Profile
from stages.output.encoding import NO_ALPHA, Encoding
from stages.output.part import Part, count_packets, fresh_of, is_bare
from stages.output.publish import Publication
from stages.output.target import check_target
from stages.output.tracks import Kind
from stages.output.views import Canvas, Viewing, shows_alpha
from stages.output.wishes import CONTAINERS, Bitrate, Hardware, check_held, check_wish, encoding_for

BESIDE = ".part.old99"  # no name that stands beside the file meanwhile has a longer ending
Keep = Literal["copy", "drop"]


class File(Viewing):
    """Writes `OUTPUT.part` while the run goes on, and at its end turns it into `OUTPUT` with the source's other tracks.

    Further video tracks and cover pictures of the source show what was removed: they are left out, and it is said so.
    """

    deadline: ClassVar[float] = 10.0  # a disk may stand still for seconds and come back
    holds_alpha: ClassVar[bool] = True  # with a codec that does

    output: str = Field(default="", description="the file to write; its name says the container")
    codec: CodecName = Field(
        default="h264", validate_default=True, description="ffv1 is lossless; prores goes into .mov and .mkv"
    )
    hardware: Hardware = Field(
        default="off", description="encoder of the graphics card; auto: the first that works, else software"
    )
    pixels: str = Field(default="", description="pixel format by FFmpeg's name, as yuv420p10le; empty: the usual one")
    profile: Profile | None = Field(default=None, description="of prores; none: as the pixel format wants it")
    crf: int | None = Field(
        default=None, description="quality of h264, h265 (0 to 51), av1 (1 to 63), vp9 (0 to 63): lower is better"
    )
    bitrate: Bitrate | None = Field(
        default=None, description="of h264, h265, av1, vp9 instead of crf: bits per second, as 40M or 800k"
    )
    preset: Preset | None = Field(
        default=None, description="effort of h264, h265, av1, vp9: slower is smaller; none: as veryfast"
    )
    audio: Keep = Field(default="copy", description="bit for bit, or anew where the container cannot hold it")
    subtitles: Keep = Field(default="copy", description="as they are, or as the container writes text")
    data: Keep = Field(default="copy", description="tracks of sensors and the like; video tracks are never copied")
    attachments: Keep = Field(default="copy", description="fonts and other files (.mkv only)")
    chapters: Keep = Field(default="copy", description="where they begin, and their titles")
    metadata: Keep = Field(default="copy", description="title, place, time of recording and other tags")

    _resumed: int | None = PrivateAttr(default=None)
    _canvas: Canvas = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _encoding: Encoding = PrivateAttr()
    _part: Part | None = PrivateAttr(default=None)
    _frames: int = PrivateAttr(default=0)
    _published: bool = PrivateAttr(default=False)

    @field_validator("codec")
    @classmethod
    def _holds(cls, value: CodecName, info: ValidationInfo) -> CodecName:
        if shows_alpha(info.data.get("view")) and not CODECS[value].alpha:
            raise PydanticCustomError("alpha", "{why}", {"why": NO_ALPHA})
        return value

    @field_validator("profile", "crf", "bitrate", "preset")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse at once what the codec cannot follow; what hardware can is known when it is found."""
        beside = {"crf": info.data.get("crf")} if info.field_name == "bitrate" and value is not None else {}
        wishes = {**beside, str(info.field_name): value}
        check_wish(info.data.get("codec", ""), info.data.get("hardware", ""), **wishes)
        return value

    def _settings(self, codec: Codec) -> dict[str, str]:
        return codec.settings(self.crf, self.preset, self.profile, self.bitrate)

    def resume(self, frames: int) -> None:
        self._resumed = frames

    def setup(self, spec: FrameSpec) -> None:
        self._prepare(spec)
        part = Part(f"{self.output}.part", self._encoding)
        if self._resumed is None:
            self._set_aside(part.path)
        if not self._resumed:
            part.create()
        elif os.path.exists(part.path):
            part.take_up(self._resumed, self.context.progress)
        else:
            self._expect_published(self._resumed)
        self._frames = self._resumed or 0
        self._part = part

    def _encode_with(self, codec: Codec) -> Encoding:
        return Encoding(codec, self._spec, self._settings(codec), self.pixels, alpha=self._canvas.channels == 4)

    def _check_target(self) -> None:
        """Refuse what could not be finished, before any work. Raises SetupError."""
        if not self.output:
            raise SetupError("no output is given: --output FILE")
        check_held(self.output, Path(self.output).suffix.lower(), self.codec, alpha=self._canvas.channels == 4)
        check_target(self.output, self._spec.source, BESIDE)

    def _set_aside(self, part: str) -> None:
        """Keep what an interrupted earlier run left."""
        with suppress(OSError):  # a disk that cannot be written is told of when the part is made
            os.unlink(fresh_of(part))
        if not os.path.exists(part):
            return
        frames = 0 if is_bare(part) else count_packets(part, self.context.progress)
        if frames:
            names = itertools.chain([f"{part}.old"], (f"{part}.old{number}" for number in itertools.count(2)))
            aside = next(name for name in names if not os.path.lexists(name))
            os.replace(part, aside)
            self.context.note(f"{shown(part)} holds {frames} frames of an interrupted run; kept as {shown(aside)}")

    def _expect_published(self, frames: int) -> None:
        """Without a part, an earlier incarnation must have finished the file before it died."""
        found = count_packets(self.output, self.context.progress) if os.path.exists(self.output) else 0
        if found != frames:
            raise SetupError(f"{shown(self.output)}.part: is gone, and with it the {frames} frames that were written")
        self._published = True

    def write(self, frame: Frame) -> None:
        assert self._part is not None
        self._part.add(self._canvas.of(frame), frame.pts, frame.duration)
        self._frames += 1

    def skip(self, frame: Frame) -> None:
        """What comes before lasts longer: sound stays where it belongs."""
        if self._part is not None and self._frames:
            self._part.stretch(frame.pts, frame.duration)

    def _source(self) -> str:
        """The file whose other tracks come along; "" where there is none, and a note where it can no longer be read."""
        source = self._spec.source
        if not source or self._spec.live or source.startswith(SCHEME) or os.path.isdir(source) or is_still(source):
            return ""
        try:
            open_media(source).close()
        except SetupError as error:
            self.context.note(f"{error}; its sound and other tracks are left out")
            return ""
        return source

    @property
    def _keep(self) -> frozenset[Kind]:
        kinds: dict[Kind, Keep] = {
            "audio": self.audio,
            "subtitle": self.subtitles,
            "data": self.data,
            "attachment": self.attachments,
            "chapters": self.chapters,
            "metadata": self.metadata,
        }
        return frozenset(kind for kind, wish in kinds.items() if wish == "copy")

    def finish(self) -> dict[str, Any]:
        assert self._part is not None
        if not self._published and self._frames:
            self._part.close()
            form = CONTAINERS[Path(self.output).suffix.lower()]
            made = Publication(
                self._part.path, self.output, form, self._encoding, self._source(), self._keep, self.context
            )
            made.publish(self._frames, self._part.last, self._part.duration)
            self._published = True
        size = os.path.getsize(self.output) if self._published else 0
        return {"output": self.output, "frames": self._frames, "codec": self.codec, "bytes": size}

    def assemble(
        self, spec: FrameSpec, pieces: Sequence[str], part: str, frames: int, duration: int | None = None
    ) -> dict[str, Any]:
        """Make the output of the parts that other runs have left for it, in order, with the other tracks of the source
        that `spec` names; facts as of `finish()`. `part` is where it grows, on the output's own disk; `frames` is how
        many there must be, `duration` the last one's length, in ticks. Raises CleanplateError; the parts stay."""
        made = self._part = self.part_for(spec, part)
        self._frames = made.join(pieces, self.context.progress)
        if self._frames != frames:
            raise RunError(f"{shown(self.output)}: {self._frames} of {frames} frames were joined")
        made.duration = duration or made.duration
        return self.finish()

    def part_for(self, spec: FrameSpec, path: str) -> Part:
        """A part such as this sink would write, not begun yet. Raises SetupError."""
        self._prepare(spec)
        return Part(path, self._encoding)

    def _prepare(self, spec: FrameSpec) -> None:
        self._canvas = self.canvas(spec)
        self._spec = self._canvas.spec
        self._check_target()
        self._encoding = encoding_for(self.codec, self.hardware, self._encode_with, self.context.note)

    def close(self) -> None:
        """Without a single frame there is nothing to keep."""
        if self._part is None or self._published:
            return
        self._part.close()
        if not self._frames:
            Path(self._part.path).unlink(missing_ok=True)
