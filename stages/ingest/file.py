"""File: a video file as a source; every picture that can be decoded, in order, with time stamps that go forward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec, Image
from pipeline.stage import Source
from stages.clock import Clock, nominal_step
from stages.ingest.length import missing_bytes
from stages.ingest.pictures import Pictures
from stages.ingest.resume import seek_point
from stages.media import open_media, shown

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

MAX_RATE = 1000


class File(Source):
    """Decodes a file's first video, turned upright; later pictures of another size are scaled to the first one's."""

    input: str = Field(default="", description="the video file")

    _pictures: Pictures = PrivateAttr()
    _row: Iterator[VideoFrame] = PrivateAttr()
    _clock: Clock = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _coded: tuple[int, int] = PrivateAttr()  # width and height before it is turned upright
    _reformatter: VideoReformatter = PrivateAttr()
    _muted: bool = PrivateAttr(default=False)  # damage is counted elsewhere
    _unsure: bool = PrivateAttr(default=False)  # damage was met while muted

    def open(self) -> FrameSpec:
        from av.video.reformatter import VideoReformatter

        if not self.input:
            raise SetupError("no input is given: --input FILE")
        self._reformatter = VideoReformatter()
        self._muted = True  # this is only a look; what it meets is met again
        self._start()
        first = next(self._row)
        self._coded = first.width, first.height
        self._spec = describe(self._pictures, first, self.input)
        self._muted = False
        self._restart()
        return self._spec

    def _container(self) -> InputContainer:
        return open_media(self.input)

    def _start(self) -> None:
        self._pictures = Pictures(self._container(), shown(self.input), self._report, self.context.progress)
        self._row = iter(self._pictures)

    def _restart(self) -> None:
        self._pictures.close()
        self._start()
        self._clock = Clock(nominal_step(self._spec.rate, self._spec.time_base))

    def _report(self, what: str) -> None:
        if self._muted:
            self._unsure = True
        else:
            self.context.error(what)

    def frames(self) -> Iterator[None]:
        for picture in self._row:
            before = self._clock.repaired
            self.frame.pts = self._clock.tick(picture.pts)
            self.frame.duration = picture.duration or self._clock.step
            if self._clock.repaired > before:
                self.context.count("pts_repaired")
            self._fill(self.frame.image, picture)
            del picture
            yield
        self._check_length()

    def _fill(self, image: Image, picture: VideoFrame) -> None:
        """Write a picture upright into `image`, uint8 [H, W, 3]: one conversion, one copy."""
        width, height = self._coded
        if (picture.width, picture.height) != self._coded:
            self.context.note(f"{shown(self.input)}: pictures of another size are scaled to {width}x{height}")
        bgr = self._reformatter.reformat(picture, width=width, height=height, format="bgr24", threads=1)
        plane = bgr.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        view = rows[:, : width * 3].reshape(height, width, 3)
        np.copyto(image, np.rot90(view, self._spec.rotation // 90))

    def _check_length(self) -> None:
        if missing := missing_bytes(self.input):
            self.context.error("truncated")
            self.context.note(f"{shown(self.input)}: the file is cut short, {missing} bytes are missing")

    def resume(self, frames: int, pts: int) -> None:
        """See `Source.resume`. Seeks where packets prove the place, and decodes all from the start where not."""
        if frames == 0:
            return
        self._muted, self._unsure = True, False  # an earlier incarnation has counted it
        point = seek_point(self._container(), frames, pts, self.context.progress)
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
        for picture in itertools.islice(self._row, frames):
            self._clock.tick(picture.pts)
            del picture

    def close(self) -> None:
        if "_pictures" in (self.__pydantic_private__ or {}):
            self._pictures.close()


def describe(pictures: Pictures, first: VideoFrame, source: str) -> FrameSpec:
    """What comes out of an opened video, judged by its first picture."""
    stream = pictures.stream
    rotation = upright(first.rotation)
    turned = rotation % 180 == 90
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    if not 0 < rate <= MAX_RATE:
        rate = Fraction(25)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return FrameSpec(
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        rate=rate,
        time_base=stream.time_base or 1 / rate,
        source=source,
        declared_frames=stream.frames or None,
        rotation=rotation,
        sample_aspect=1 / aspect if turned else aspect,
        colorspace=first.colorspace,
        color_range=first.color_range,
        color_primaries=first.color_primaries,
        color_trc=first.color_trc,
    )


def upright(degrees: int) -> int:
    """Quarter turns counterclockwise, in degrees 0 to 270, that bring a picture upright; odd angles are left alone."""
    return degrees % 360 if degrees % 90 == 0 and abs(degrees) <= 360 else 0
