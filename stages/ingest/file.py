"""File: a video file as a source; every picture that can be decoded, in order, with time stamps that go forward."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.clock import Clock, nominal_step
from stages.ingest.describe import describe
from stages.ingest.length import missing_bytes
from stages.ingest.orientation import Orientation, orientation_of, paint
from stages.ingest.pictures import Pictures
from stages.ingest.resume import entry_point, seek_point
from stages.ingest.scaling import Scaled
from stages.ingest.span import Ranged, Span, write_time
from stages.media import open_media, shown

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

Timed = tuple["VideoFrame", int, bool]  # a picture, its time stamp, and whether that had to be repaired


class File(Ranged, Scaled):
    """Decodes a file's first video, turned upright; later pictures of another size are scaled to the first one's."""

    input: str = Field(default="", description="the video file")

    _pictures: Pictures = PrivateAttr()
    _row: Iterator[VideoFrame] = PrivateAttr()
    _held: list[Timed] = PrivateAttr(default_factory=list)  # taken from the row, to come first
    _clock: Clock = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _span: Span = PrivateAttr()
    _coded: tuple[int, int] = PrivateAttr()  # width and height before it is turned upright
    _drawn: tuple[int, int] = PrivateAttr()  # and what they are scaled to
    _orientation: Orientation = PrivateAttr()
    _reformatter: VideoReformatter = PrivateAttr()
    _muted: bool = PrivateAttr(default=False)  # damage is counted elsewhere
    _unsure: bool = PrivateAttr(default=False)  # damage was met while muted
    _early: list[Counter[str]] | None = PrivateAttr(default=None)  # damage before the range: the last two groups'

    def open(self) -> FrameSpec:
        from av.video.reformatter import VideoReformatter

        if not self.input:
            raise SetupError("no input is given: --input FILE")
        self._reformatter = VideoReformatter()
        self._muted = True  # this is only a look; what it meets is met again
        self._start()
        self._look(next(self._row))
        self._muted = False
        self._restart()
        if self._span != Span():
            self._enter()
        return self._spec

    def _look(self, first: VideoFrame) -> None:
        """Learn from the first picture what will come out."""
        self._coded = first.width, first.height
        found = orientation_of(first)
        if found is None:
            self.context.note(f"{shown(self.input)}: is to be shown at an odd angle; only quarter turns are made")
        self._orientation = found or Orientation()
        pictures = self._pictures
        self._spec = describe(
            pictures.container, pictures.stream, first, self._orientation, self.input, self.start, self.end
        )
        self._spec = self.scaled_spec(self._spec)
        self._drawn = self._orientation.size(self._spec.width, self._spec.height)
        self._span = Span.of(self._spec.start, self._spec.end, self._spec.time_base)

    def _container(self) -> InputContainer:
        return open_media(self.input)

    def _start(self) -> None:
        self._pictures = Pictures(self._container(), shown(self.input), self._report, self.context.progress)
        self._row = iter(self._pictures)
        self._held.clear()

    def _restart(self) -> None:
        self._pictures.close()
        self._start()
        self._clock = Clock(nominal_step(self._spec.rate, self._spec.time_base))

    def _report(self, what: str) -> None:
        if self._muted:
            self._unsure = True
        elif self._early is not None:
            self._early[-1][what] += 1
        else:
            self.context.error(what)

    def _timed(self) -> Iterator[Timed]:
        """The row with its time stamps. Keeps no picture while the next one is decoded: see `Pictures`."""
        while self._held:
            yield self._held.pop()
        for picture in self._row:
            before = self._clock.repaired
            pts = self._clock.tick(picture.pts)
            yield picture, pts, self._clock.repaired > before
            del picture

    def frames(self) -> Iterator[None]:
        for picture, pts, repaired in self._timed():
            if self._span.over(pts):
                return
            self.frame.pts = pts
            self.frame.duration = picture.duration or self._clock.step
            if repaired:
                self.context.count("pts_repaired")
            if (picture.width, picture.height) != self._coded:
                width, height = self._coded
                self.context.note(f"{shown(self.input)}: pictures of another size are scaled to {width}x{height}")
            paint(picture, self.frame.image, self._drawn, self._orientation, self._reformatter)
            del picture
            yield
        self._check_length()

    def _check_length(self) -> None:
        if missing := missing_bytes(self.input):
            self.context.error("truncated")
            self.context.note(f"{shown(self.input)}: the file is cut short, {missing} bytes are missing")

    def _enter(self) -> None:
        """Go to the first picture of the range. Raises SetupError if there is none.

        Seeks where packets prove the place, and decodes all from the start where not.
        """
        if not self._skip_by_seeking():
            self._restart()
            self._skip()
        begin = write_time(self.start or Fraction(0))
        if not self._held:
            last = (self._clock.last or 0) * self._spec.time_base - (self._spec.start or 0) + (self.start or 0)
            raise SetupError(f"{shown(self.input)}: --start {begin} is after its last picture, at {write_time(last)}")
        if self.end is not None and self._span.over(self._held[0][1]):
            raise SetupError(f"{shown(self.input)}: has no picture between {begin} and {write_time(self.end)}")

    def _skip_by_seeking(self) -> bool:
        """As `_skip`, from a key frame; False where that cannot be trusted."""
        if self._span.first is None:
            return False
        point = entry_point(self._container(), self._span.first, self.context.progress)
        if point is None or not self._pictures.seek(point):
            return False
        try:
            self._skip()
        except SetupError:  # nothing at all could be decoded from there
            return False
        return True

    def _skip(self) -> None:
        """Decode up to the first picture of the range and hold it, if there is one.

        Damage counts from the key frame before the last one on: what is older cannot be seen any more."""
        self._early = [Counter(), Counter()]
        for picture, pts, repaired in self._timed():
            if self._span.begun(pts):
                self._held.append((picture, pts, repaired))
                break
            if picture.key_frame:
                self._early = [self._early[1], Counter()]
            del picture
        early, self._early = self._early[0] + self._early[1], None
        for what, number in early.items():
            self.context.error(what, number)

    def resume(self, frames: int, pts: int) -> None:
        """See `Source.resume`. Seeks where packets prove the place, and decodes all from the start where not."""
        if frames == 0:
            return
        self._muted, self._unsure = True, False  # an earlier incarnation has counted it
        point = seek_point(self._container(), frames, pts, self.context.progress, self._span.first)
        if point is None or not self._go_to(point, pts):
            self._count_to(frames)
        self._muted = False

    def _go_to(self, point: int, pts: int) -> bool:
        """Decode from the key frame at `point` up to and with the picture at `pts`; False if it does not come.

        Neither do we go on from there after damage: what hides it may be older than the key frame.
        """
        self._restart()
        self._clock.last = pts
        if not self._pictures.seek(point):
            return False
        try:
            found = next((p.pts for p in self._row if p.pts is None or p.pts >= pts), None)
        except SetupError:  # nothing at all could be decoded from there
            return False
        return found == pts and not self._unsure

    def _count_to(self, frames: int) -> None:
        self._restart()
        if self._span != Span():
            self._enter()
        for picture, _, _ in itertools.islice(self._timed(), frames):
            del picture

    def close(self) -> None:
        self._held.clear()
        if "_pictures" in (self.__pydantic_private__ or {}):
            self._pictures.close()
