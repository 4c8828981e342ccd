"""Part: the file that grows while a run goes on; what it was given survives the death of the process."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.errors import CleanplateError, RunError, SetupError
from pipeline.frame import Image
from stages.clock import nominal_step
from stages.media import open_media, reason, shown, stamp
from stages.output.beside import KIND, NUT_OPTIONS, without_second_id
from stages.output.encoding import Converter, Encoding, encode_one

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

MAGIC = b"nut/multimedia container"  # with which NUT begins


def fresh_of(path: str) -> str:
    """Where a part is written anew while the old one still counts; what a kill leaves there is worth nothing."""
    return f"{path}.new"


class Part:
    """A NUT stream of the encoded frames so far, each handed to the kernel before `add()` returns.

    Why NUT: see docs/decisions/0002-part-file-is-nut.md.
    """

    def __init__(self, path: str, encoding: Encoding) -> None:
        self.path = path
        self._encoding = encoding
        self._container: OutputContainer | None = None
        self._stream: VideoStream
        self._converter: Converter
        self.last = 0  # the last frame's time stamp and length, ticks of the spec's time base
        self.duration = nominal_step(encoding.spec.rate, encoding.spec.time_base)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the pictures that it takes."""
        return self._encoding.spec.height, self._encoding.spec.width, 4 if self._encoding.alpha else 3

    def create(self) -> None:
        """Begin an empty one. Raises SetupError."""
        self._open(self.path)

    def take_up(self, frames: int, progress: Callable[[], None]) -> None:
        """Keep the first `frames` frames, nothing else, and go on after them. Safe against a kill at any moment.

        Raises SetupError if there are fewer.
        """
        fresh = fresh_of(self.path)
        try:
            self._open(fresh)
            self._copy(frames, progress)
        except CleanplateError:
            with suppress(OSError):
                os.unlink(fresh)  # a disk that is full would otherwise be the fuller for it
            raise
        os.replace(fresh, self.path)

    def join(self, pieces: Sequence[str], progress: Callable[[], None]) -> int:
        """Begin a new one of the frames of whole parts, in order; how many there are. Raises CleanplateError."""
        self._open(self.path)
        return sum(self._take(piece, None, progress) for piece in pieces)

    def _take(self, path: str, frames: int | None, progress: Callable[[], None]) -> int:
        """Copy the first `frames` frames of another part, or all, behind what there is; how many there were."""
        taken = 0
        for packet in read_packets(path, progress):
            if taken == frames:
                break
            self._check_header(packet)
            packet.stream = self._stream
            self.last = round(stamp(packet) * packet.time_base / self._encoding.spec.time_base)
            self._mux(packet)
            taken += 1
        return taken

    def _copy(self, frames: int, progress: Callable[[], None]) -> None:
        kept = self._take(self.path, frames, progress)
        if kept < frames:
            raise SetupError(f"{shown(self.path)}: holds {kept} of the {frames} frames that were written")

    def _check_header(self, packet: Packet[VideoStream]) -> None:
        """An encoder's header must be the same in every incarnation, or its packets would not fit together."""
        old, new = packet.stream.codec_context.extradata, self._stream.codec_context.extradata
        if old != new:
            raise SetupError(f"{shown(self.path)}: was written with other settings ({old!r}, now {new!r})")

    def _open(self, path: str) -> None:
        import av

        try:
            if self._encoding.codec.untabled:
                self._container = av.open(untabled_nut(path), "w", format="tee")
            else:
                options = {"flush_packets": "1", **(NUT_OPTIONS if self._encoding.beside else {})}
                self._container = av.open(f"file:{path}", "w", format="nut", container_options=options)
            self._stream = self._encoding.add_to(self._container)
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise SetupError(f"{shown(path)}: cannot be written ({reason(error)})") from error
        self._converter = Converter(self._stream, self._encoding.spec)

    def add(self, image: Image, pts: int, duration: int) -> None:
        """Encode one frame, uint8 [H, W, 3] BGR or [H, W, 4] BGRA, and write it. Raises RunError."""
        packet = encode_one(self._stream, self._converter.convert(image, pts))
        packet.duration = duration
        self._mux(packet)
        self.last, self.duration = pts, duration

    def stretch(self, pts: int, duration: int) -> None:
        """The last frame lasts until the end of one that is not shown. Nothing is written of it before the end."""
        self.duration = max(self.duration, pts + duration - self.last)

    def _mux(self, packet: Packet[VideoStream]) -> None:
        import av

        assert self._container is not None
        try:
            self._container.mux_one(packet)
        except av.FFmpegError as error:
            raise RunError(f"{shown(self.path)}: cannot be written ({reason(error)})") from error

    def close(self) -> None:
        """Complete the file. Raises RunError."""
        import av

        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            container.close()
        except av.FFmpegError as error:
            raise RunError(f"{shown(self.path)}: cannot be completed ({reason(error)})") from error


def untabled_nut(path: str) -> str:
    """FFmpeg's `tee` muxer with NUT behind it: only NUT asked directly refuses a codec that its tables do not list.

    It writes such a stream with the codec's own tag, by which its reader knows the codec again. A backslash takes the
    meaning from every character that has one in `tee`.
    """
    return "[f=nut:flush_packets=1]" + re.sub(r"([^\w./-])", r"\\\1", f"file:{path}")


def read_packets(path: str, progress: Callable[[], None]) -> Iterator[Packet[VideoStream]]:
    """The video packets of a file that may end in the middle of one."""
    import av

    with open_media(path) as container:
        try:
            for packet in container.demux(container.streams.video[0]):
                progress()
                if packet.size and not packet.is_corrupt:
                    yield without_second_id(packet) if packet.has_sidedata(KIND) else packet
        except av.FFmpegError:
            return  # the torn end


def is_bare(path: str) -> bool:
    """Was it begun by a sink that ended before its first frame? It is empty, or a NUT header and nothing after."""
    with open(path, "rb") as file:
        begins = file.read(len(MAGIC))
    if begins != MAGIC:
        return not begins
    try:
        open_media(path).close()
    except SetupError:  # a header alone is not enough for FFmpeg
        return True
    return False


def count_packets(path: str, progress: Callable[[], None]) -> int:
    """How many whole video packets a file holds."""
    return sum(1 for _ in read_packets(path, progress))
