"""Images: the pictures of a folder, or one picture, as a source; each is decoded by itself: damage stays with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, WithJsonSchema

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.images import ENDINGS, is_image, list_images
from stages.ingest.orientation import Orientation, orientation_of, paint
from stages.ingest.scaling import Scaled, Size
from stages.ingest.span import Ranged, Span, write_time
from stages.ingest.still import glance, read_still
from stages.media import reason, shown

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

MAX_PICTURES = 1_000_000
MAX_RATE = 1000
BT709, SRGB, LIMITED = 1, 13, 1

Rate = Annotated[
    Fraction,
    Field(gt=0, le=MAX_RATE),
    BeforeValidator(lambda value: str(value) if isinstance(value, float) else value),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE}, {"type": "string"}]}),
]


class Images(Ranged, Scaled):
    """Brings the pictures of a folder in the order a person counts them; a frame's `pts` is its picture's number there.

    A picture that cannot be decoded, or has another size than the first, is rejected; the others go on.
    """

    deadline: ClassVar[float] = 10.0  # a large PNG takes a second, and a slow disk its time

    input: str = Field(default="", description="a folder of pictures, or one picture")
    rate: Rate = Field(default=Fraction(25), description="pictures a second, such as 25 or 30000/1001")

    _paths: list[Path] = PrivateAttr()
    _next: int = PrivateAttr(default=0)
    _stop: int = PrivateAttr(default=0)
    _seen: Size = PrivateAttr()  # of all pictures, before they are scaled
    _spec: FrameSpec = PrivateAttr()
    _reformatter: VideoReformatter = PrivateAttr()

    def open(self) -> FrameSpec:
        from av.video.reformatter import VideoReformatter

        if not self.input:
            raise SetupError("no input is given: --input FOLDER")
        self._reformatter = VideoReformatter()
        self._paths = self._list()
        span = Span.of(self.start, self.end, 1 / self.rate)
        self._next = span.first or 0
        self._stop = len(self._paths) if span.stop is None else min(len(self._paths), span.stop)
        self._check_range()
        self._seen = self._common_size()
        plain = FrameSpec(
            width=self._seen[0],
            height=self._seen[1],
            rate=self.rate,
            time_base=1 / self.rate,
            source=self.input,
            declared_frames=self._stop - self._next,
            colorspace=BT709,
            color_range=LIMITED,
            color_primaries=BT709,
            color_trc=SRGB,
            start=self.start,
            end=self.end,
        )
        self._spec = self.scaled_spec(plain)
        return self._spec

    def _list(self) -> list[Path]:
        """The pictures, at least one. Raises SetupError."""
        path = Path(self.input)
        try:
            if not path.is_dir():
                return [path]
            found = list_images(path)
            others = sorted(one.name for one in path.iterdir() if not is_image(one) and not one.name.startswith("."))
        except (OSError, ValueError) as error:
            raise SetupError(f"{shown(self.input)}: cannot be read ({reason(error)})") from error
        if not found:
            endings = " ".join(sorted(ending[1:] for ending in ENDINGS))
            raise SetupError(f"{shown(self.input)}: there are no pictures in this folder ({endings})")
        if len(found) > MAX_PICTURES:
            raise SetupError(f"{shown(self.input)}: {len(found)} pictures are too many; the limit is {MAX_PICTURES}")
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            self.context.note(f"{shown(self.input)}: left out, as no pictures: {shown(others[0])}{more}")
        return found

    def _check_range(self) -> None:
        total = len(self._paths)
        if self._next >= total:
            last, begin = write_time((total - 1) / self.rate), write_time(self.start or Fraction(0))
            raise SetupError(f"{shown(self.input)}: --start {begin} is after its last picture, at {last}")
        if self._next >= self._stop and self.end is not None:
            begin = write_time(self.start or Fraction(0))
            raise SetupError(f"{shown(self.input)}: has no picture between {begin} and {write_time(self.end)}")

    def _common_size(self) -> Size:
        """Width and height of all pictures in the range, as far as their beginnings tell. Raises SetupError."""
        if len(self._paths) == 1:
            return self._seen_size(read_still(str(self._paths[0])))
        first: tuple[Path, Size] | None = None
        trouble: SetupError | None = None
        for path in self._paths[self._next : self._stop]:
            self.context.progress()
            try:
                seen = self._seen_size(glance(str(path)))
            except SetupError as error:  # its turn will come, and it will be counted then
                trouble = trouble or error
                continue
            if first is None:
                first = path, seen
            elif seen != first[1]:
                raise SetupError(self._two_sizes(*first, path, seen))
        if first is None:
            raise SetupError(f"{shown(self.input)}: none of its pictures can be decoded ({trouble})")
        return first[1]

    def _two_sizes(self, one: Path, size: Size, other: Path, another: Size) -> str:
        sizes = "{}x{}".format(*size), "{}x{}".format(*another)
        ending = one.suffix if one.suffix == other.suffix else ""
        each = os.path.join(shown(self.input), f"*{ending}")
        return (
            f"{shown(self.input)}: its pictures differ in size: {shown(one.name)} has {sizes[0]}, {shown(other.name)} "
            f"{sizes[1]}; give each as an input of its own: -i '{each}' -o 'OUT/{{name}}{{ext}}'"
        )

    def _seen_size(self, found: VideoFrame | Size) -> Size:
        if isinstance(found, tuple):
            return found
        return (orientation_of(found) or Orientation()).size(found.width, found.height)

    def resume(self, frames: int, pts: int) -> None:
        self._next += frames

    def frames(self) -> Iterator[None]:
        while self._next < self._stop:
            self.frame.pts, self.frame.duration = self._next, 1
            self._fill(self._paths[self._next])
            self._next += 1
            yield

    def _fill(self, path: Path) -> None:
        """Put one picture into the frame, or say why it is rejected."""
        try:
            picture = read_still(str(path))
        except SetupError as error:
            self._reject("damaged_picture", str(error))
            return
        orientation = orientation_of(picture) or Orientation()
        seen = orientation.size(picture.width, picture.height)
        if seen != self._seen:
            self._reject("another_size", f"{shown(path)}: {seen[0]}x{seen[1]} is another size than the first one's")
            return
        size = orientation.size(self._spec.width, self._spec.height)
        paint(picture, self.frame.image, size, orientation, self._reformatter)

    def _reject(self, what: str, why: str) -> None:
        self.frame.rejected = what
        self.context.error(what)
        self.context.note(f"{why}; left out")
