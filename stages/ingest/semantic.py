"""Semantic: a file of coded pictures as a source, decoded with nothing but what it holds; damage costs pictures, never
the run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from models.coding import CodingError, Decoder
from pipeline.errors import SetupError
from pipeline.frame import FrameSpec, Image
from pipeline.stage import Source
from stages.clock import Clock, nominal_step
from stages.codec.coders import decoder_for
from stages.codec.records import Head, Record, RecordError, read_head, read_records
from stages.media import check_file, check_size, reason, shown

BT709, LIMITED = 1, 1


class Semantic(Source):
    """What cannot be decoded shows the picture before it, and is counted as an error, as is all that builds on it."""

    heavy: ClassVar[bool] = True
    deadline: ClassVar[float] = 60.0  # a network draws a large picture in seconds, and a weak machine in many

    input: str = Field(default="", description="a file of coded pictures, as the codec's export writes it (.sem)")
    device: str = Field(default="auto", description="of the neural coder: auto, cpu, cuda, cuda:1, ...")

    _file: BinaryIO = PrivateAttr()
    _head: Head = PrivateAttr()
    _records: Iterator[Record] = PrivateAttr()
    _decoders: dict[str, Decoder] = PrivateAttr(default_factory=dict)
    _clock: Clock = PrivateAttr()
    _last: Image | None = PrivateAttr(default=None)  # the last picture that could be decoded

    def open(self) -> FrameSpec:
        check_file(self.input, "a file of coded pictures")
        try:
            self._file = open(self.input, "rb")  # noqa: SIM115 - it is closed by `close()`
            self._head = head = read_head(self._file)
            check_size(head.width, head.height, shown(self.input))
        except (OSError, RecordError) as error:
            self.close()
            raise SetupError(f"{shown(self.input)}: {reason(error)}") from error
        begun = self._file.tell()
        pictures = sum(1 for _ in read_records(self._file))
        self._file.seek(begun)
        self._records = read_records(self._file)
        self._clock = Clock(nominal_step(head.rate, head.time_base))
        return FrameSpec(
            width=head.width, height=head.height, rate=head.rate, time_base=head.time_base, source=self.input,
            declared_frames=pictures, colorspace=BT709, color_range=LIMITED, color_primaries=BT709, color_trc=BT709,
        )  # fmt: skip

    def frames(self) -> Iterator[None]:
        for record in self._records:
            image, trouble = self._decoded(record)
            self.frame.pts = self._clock.tick(record.pts)
            self.frame.duration = record.duration if record.duration > 0 else self._clock.step
            if trouble:
                self.context.error(trouble)
            np.copyto(self.frame.image, image)
            yield

    def _decoded(self, record: Record) -> tuple[Image, str]:
        """The picture, and what went wrong with it. In the place of one that is lost comes the one before it."""
        trouble = "broken pictures"
        if not record.data and not record.broken:
            trouble = ""  # none was coded: the one before lasts
        elif not record.broken:
            try:
                image = self._decoder(record.kind).decode(record.data)
            except CodingError:
                trouble = "pictures that could not be decoded"
            else:
                if image.shape == (self._head.height, self._head.width, 3):
                    self._last = image
                    return image, ""
                trouble = "pictures of another size"
        elif record.kind in self._decoders:
            self._decoders.pop(record.kind).close()  # it must not build on what it has missed
        return self._in_place(), trouble

    def _in_place(self) -> Image:
        if self._last is None:
            return np.zeros((self._head.height, self._head.width, 3), np.uint8)
        return self._last

    def _decoder(self, kind: str) -> Decoder:
        if kind not in self._decoders:
            self._decoders[kind] = decoder_for(kind, self.device)
        return self._decoders[kind]

    def resume(self, frames: int, pts: int) -> None:
        """Decode from the last key picture on what was brought already."""
        begun, key = self._file.tell(), 0
        for at, record in enumerate(itertools.islice(read_records(self._file), frames)):
            key = at if record.key and not record.broken else key
            self.context.progress()
        self._file.seek(begun)
        self._records = read_records(self._file)
        for at, record in enumerate(itertools.islice(self._records, frames)):
            self.context.progress()
            if at >= key:
                self._decoded(record)
            self._clock.tick(record.pts)

    def close(self) -> None:
        for decoder in self._decoders.values():
            decoder.close()
        if "_file" in (self.__pydantic_private__ or {}):
            self._file.close()
