"""Segment: a piece of a long video as a source; what comes out is what the whole video would have given there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.ingest.file import File
from stages.ingest.orientation import Orientation
from stages.ingest.span import Span
from stages.media import shown

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

UNSPECIFIED = 2
SITING = "chroma"  # a cut file's own tag: where chroma lies, which FFV1 does not say and a scaler has to know


class Segment(File):
    """A file that was cut out of a video, with the video's time stamps. What a cut file cannot say, `whole` does: it
    describes the video, before and after it is turned and scaled. Of other pictures than were promised not one passes
    unnoticed."""

    whole: dict[str, Any] = Field(default_factory=dict, description="the FrameSpec of the whole video")
    first: int = Field(default=0, description="time stamp of the first picture of its own, in ticks of the video")
    stop: int | None = Field(default=None, description="time stamp of the first picture behind all; none: to the end")
    shift: int = Field(default=0, ge=0, description="ticks by which the file's time stamps are larger than the video's")
    lead: int = Field(default=0, ge=0, description="pictures that come before its own, and only warm up what remembers")
    lead_from: int = Field(default=0, description="time stamp of the first picture of all")
    sparse: list[int] = Field(default=[], description="time stamps of single pictures that come first of all")
    dense: int | None = Field(default=None, description="time stamp from which on all pictures come, not only those")
    own: int = Field(default=1, ge=1, description="pictures of its own")
    tail: int = Field(default=0, ge=0, description="pictures that come after its own, for stages that look ahead")

    _past: int = PrivateAttr(default=0)  # pictures that an earlier incarnation has brought

    def _look(self, first: VideoFrame) -> None:
        spec = FrameSpec.model_validate(self.whole)
        self._coded = first.width, first.height
        self._orientation = oriented(spec)
        self._spec = spec.model_copy(update={"declared_frames": self._all})
        drawn = spec.width, spec.height
        self._drawn = self._orientation.size(*drawn)
        self._span = Span(self.lead_from, self.stop)

    def _start(self) -> None:
        super()._start()
        if siting := self._pictures.container.metadata.get(SITING):
            context = self._pictures.stream.codec_context
            context.options = {**context.options, "chroma_sample_location": siting}
        self._row = self._as_in_whole(self._row)

    def _as_in_whole(self, row: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Pictures with the video's time stamps and colour tags: a cut file has ticks of its own, and may have no
        tags."""
        spec = FrameSpec.model_validate(self.whole)
        scale = (self._pictures.stream.time_base or spec.time_base) / spec.time_base
        single = frozenset(self.sparse)
        for picture in row:
            picture.pts = None if picture.pts is None else round(picture.pts * scale) - self.shift
            early = self.dense is not None and picture.pts is not None and picture.pts < self.dense
            if early and picture.pts not in single:
                del picture
                continue
            picture.duration = round((picture.duration or 0) * scale)
            if picture.colorspace == UNSPECIFIED:
                picture.colorspace = spec.colorspace
            if not picture.color_range:
                picture.color_range = spec.color_range
            yield picture
            del picture

    def frames(self) -> Iterator[None]:
        number = self._past
        for _ in super().frames():
            if number == self.lead and self.frame.pts != self.first:
                found = f"the picture after its lead of {self.lead} is at {self.frame.pts}, not at {self.first}"
                raise SetupError(f"{shown(self.input)}: {found}")
            yield
            number += 1
        if number != self._all:
            self.context.error("missing_frames", abs(self._all - number))

    @property
    def _all(self) -> int:
        return self.lead + self.own + self.tail

    def resume(self, frames: int, pts: int) -> None:
        super().resume(frames, pts)
        self._past = frames


def oriented(spec: FrameSpec) -> Orientation:
    """How pictures are turned and mirrored so that they come out as `spec` says."""
    for transposed in (False, True):
        for flip_x in (False, True):
            for flip_y in (False, True):
                found = Orientation(transposed, flip_x, flip_y)
                if (found.rotation, found.mirrored) == (spec.rotation, spec.mirrored):
                    return found
    raise ValueError(f"{spec.rotation = }, {spec.mirrored = }: no such orientation")
