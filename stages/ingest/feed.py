"""Feed: a live source that FFmpeg reads, with a thread that reads and a generator that fills frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from pipeline.masking import masked
from stages.clock import nominal_step
from stages.ingest.capped import Capped
from stages.ingest.orientation import paint
from stages.ingest.reader import Arrived, Line, Reader
from stages.ingest.scaling import Scaled, Size
from stages.media import shown

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter

WAIT_S = 0.2  # between two looks at whether the run ends


class Feed(Capped, Scaled):
    """Pictures as they come; what comes while nobody takes it is overwritten by what is newer, and counted."""

    deadline: ClassVar[float] = 10.0  # it looks up every WAIT_S; scaling 8K takes longer than that

    input: str = Field(default="", description="the address")

    _reader: Reader = PrivateAttr()
    _reformatter: VideoReformatter = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _coded: Size | None = PrivateAttr(default=None)  # of the first picture
    _codec: str = PrivateAttr(default="")
    _life: int = PrivateAttr(default=0)
    _last_came: float = PrivateAttr(default=0.0)

    def connect(self) -> Line:
        """Open the source. Called in the reader's thread, again after each loss. Raises what FFmpeg raises."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """What is connected to, to be told from nobody but the system's resolver."""
        return self.input

    @property
    def label(self) -> str:
        """What messages call it."""
        return shown(masked(self.input)).rstrip(":")

    @property
    def codec(self) -> str:
        """FFmpeg's word for how its pictures come, once it is open."""
        return self._codec

    def open(self) -> FrameSpec:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._reader = Reader(self.connect, self.label, self.address, self.silence)
        self._reader.start()
        self._spec = self.live_spec(self.known or self._told())
        self._last_came = time.monotonic()
        return self._spec

    def _told(self) -> FrameSpec:
        """What the first picture says of those that come. Raises SetupError."""
        try:
            first = self._first()
        except BaseException:
            self._reader.stop()
            raise
        self._codec = first.codec
        self._coded = first.picture.width, first.picture.height
        return self.scaled_spec(first.spec)

    def _first(self) -> Arrived:
        """Wait for the first picture. Raises SetupError."""
        until = time.monotonic() + self.timeout
        reader = self._reader
        while (arrived := reader.mailbox.take(WAIT_S)) is None:
            if reader.failure is not None:
                raise reader.failure
            if reader.refused or reader.over:
                raise SetupError(f"{self.label}: {reader.trouble or 'has no picture'}")
            if self.context.asked_to_leave():
                raise SetupError(f"{self.label}: the run was ended before a first picture came")
            if time.monotonic() > until:
                why = reader.trouble or "it is silent"
                raise SetupError(
                    f"{self.label}: no picture within {self.timeout:g} s ({why}); `timeout` makes it wait longer"
                )
        return arrived

    def frames(self) -> Iterator[None]:
        while not self.context.asked_to_leave():
            arrived = self._reader.mailbox.take(WAIT_S)
            self._relay()
            if arrived is not None:
                self._last_came = time.monotonic()
                if not self.is_due(arrived.at):
                    continue
                self._fill(arrived)
                del arrived
                yield
            elif self._reader.over or self._is_given_up():
                return

    def _relay(self) -> None:
        """Tell the supervisor what the reader has to say."""
        reader = self._reader
        if reader.failure is not None:
            raise reader.failure
        for what, number in reader.counts().items():
            self.context.count(what, number)
        if (why := reader.trouble) and reader.state:
            self.context.note(f"{self.label}: {why}; it is tried again until it is back")
        self.context.says(reader.state)

    def _is_given_up(self) -> bool:
        if self.give_up is None or time.monotonic() - self._last_came < self.give_up:
            return False
        self.context.note(f"{self.label}: was gone for {self.give_up:g} s; the run ends")
        return True

    def _fill(self, arrived: Arrived) -> None:
        """Put a picture into the frame, or say why it is none."""
        if arrived.life != self._life:
            self._life = arrived.life
            self.back()
        picture = arrived.picture
        self.frame.pts = self._arrival.stamp(arrived.seconds, at=arrived.at)
        self.frame.duration = nominal_step(self._spec.rate, self._spec.time_base)
        coded = picture.width, picture.height
        self._coded = self._coded or coded
        if coded != self._coded:
            width, height = self._coded
            self.context.count("other_size")
            self.context.note(f"{self.label}: pictures of another size are scaled to {width}x{height}")
        if picture.is_corrupt:
            self.frame.rejected = "damaged"
            return
        size = arrived.orientation.size(self._spec.width, self._spec.height)
        paint(picture, self.frame.image, size, arrived.orientation, self._reformatter)
        self.judge()

    def close(self) -> None:
        if "_reader" in (self.__pydantic_private__ or {}):
            self._reader.stop()
