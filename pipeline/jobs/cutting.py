"""Cutting: the part of a video that one piece needs, in a file of its own; copied where that is safe, else decoded and
encoded again without loss."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.frame import FrameSpec
from pipeline.jobs.index import WIDEST, Index, decoded
from pipeline.jobs.pieces import Piece
from stages.clock import nominal_step
from stages.ingest.segment import SITING
from stages.media import open_media, reason, shown, stamp, video_stream
from stages.output.part import untabled_nut

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

FULL_RANGE = 2
LEFT = frozenset({"h264", "hevc", "mpeg4", "mpeg2video"})  # whose decoders say that chroma lies at the left
MOST_PACKETS = 1 << 20  # in one piece
SEEKS: tuple[Fraction | None, ...] = (Fraction(0), Fraction(2), Fraction(10), None)
"""Seconds before a key frame to which is gone to find it, one after the other; none: from the start."""


@dataclass(frozen=True)
class Cut:
    """A piece's own file: NUT, with the time stamps of the source plus `shift` ticks, for NUT knows none below zero.
    `sha256` is that of the packets' data.

    `piece` says what is in it: of a damaged source fewer pictures than were expected. `damage`: what was met."""

    piece: Piece
    path: str
    sha256: str
    exact: bool  # the source's own packets
    shift: int = 0
    damage: dict[str, int] = field(default_factory=dict)


class Cutter:
    """Cuts pieces out of `video` into `folder`."""

    def __init__(
        self, video: str, index: Index, spec: FrameSpec, folder: str, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._video, self._index, self._spec, self._folder = video, index, spec, folder
        self._progress = progress

    def cuts(self, wanted: Sequence[Piece]) -> Iterator[Cut]:
        """One for each piece, in order, made when it is asked for. Raises RunError."""
        if self._index.copied:
            yield from map(self.copy, wanted)
        else:
            yield from self._recode_all(wanted)

    def copy(self, piece: Piece) -> Cut:
        """The packets that are needed to decode a piece, as they are. Raises RunError."""
        import av

        path, digest = self._path(piece), hashlib.sha256()
        shift = self._shift(piece)
        try:
            with open_media(self._video) as source, _nut(path) as made:
                stream = video_stream(source, shown(self._video))
                out = made.add_stream_from_template(stream, opaque=True)
                out.time_base = stream.time_base
                made.start_encoding()
                for number, packet in enumerate(self._packets(piece)):
                    digest.update(bytes(packet))
                    packet.pts = stamp(packet) + shift
                    packet.dts = number  # see _shift
                    packet.stream = out
                    made.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            raise RunError(f"{shown(path)}: cannot be written ({reason(error)})") from error
        return Cut(piece, path, digest.hexdigest(), exact=True, shift=shift)

    def _shift(self, piece: Piece) -> int:
        """Ticks to add so that no time stamp is below the number of its packet. That number is its decoding time then:
        what a demuxer says after a seek is often none, or not in order, and NUT keeps no such times at all."""
        room = MOST_PACKETS + math.ceil(WIDEST / self._index.time_base)
        return max(0, room - self._index.entry(piece.lead_from))

    def _packets(self, piece: Piece) -> Iterator[Packet[VideoStream]]:
        """From the key frame where decoding begins, as far as anything of the piece may come. Raises ValueError where
        it cannot be found."""
        entry = self._index.entry(piece.lead_from)
        for early in SEEKS:
            with open_media(self._video) as source:
                stream = video_stream(source, shown(self._video))
                if early is not None and not _seek(source, stream, entry - math.ceil(early / self._index.time_base)):
                    continue
                begun = False
                for packet in source.demux(stream):
                    self._progress()
                    if not packet.size or packet.is_discard:
                        continue
                    if piece.tail_stop is not None and packet.dts is not None and packet.dts >= piece.tail_stop:
                        break
                    if not begun and packet.is_keyframe and packet.pts is not None:
                        if packet.pts > entry:  # the container has gone too far
                            break
                        begun = True
                    if begun:
                        yield packet
                if begun:
                    return
        raise ValueError(f"the key frame at {entry} cannot be found")

    def recode(self, piece: Piece) -> Cut:
        """The same by decoding, whatever is wrong with the source there; with what could be decoded. Raises RunError,
        SetupError."""
        entry = self._index.entry(piece.lead_from) if self._index.copied else None
        return next(self._recode_all([piece], entry))

    def _recode_all(self, wanted: Sequence[Piece], entry: int | None = None) -> Iterator[Cut]:
        """In one pass over the pictures; each belongs to its piece, and to the lead of the next one."""
        waiting = list(wanted)
        open_: list[_Recoding] = []
        damage: Counter[str] = Counter()
        step = nominal_step(self._spec.rate, self._spec.time_base)
        with open_media(self._video) as given:
            codec = video_stream(given, shown(self._video)).codec_context.name
        try:
            for picture, pts in decoded(
                self._video, step, entry=entry, damaged=lambda what: damage.update([what]), progress=self._progress
            ):
                while waiting and pts >= waiting[0].lead_from:
                    piece = waiting.pop(0)
                    open_.append(_Recoding(piece, self._path(piece), self._spec, picture, codec))
                while open_ and open_[0].is_over(pts):
                    yield open_.pop(0).close(damage)
                for one in open_:
                    one.add(picture, pts)
                del picture
                if not waiting and not open_:
                    return
            while open_:
                yield open_.pop(0).close(damage)
        finally:
            for one in open_:
                one.abandon()
        if waiting:
            raise RunError(f"{shown(self._video)}: segment {waiting[0].index}: nothing of it can be decoded")

    def _path(self, piece: Piece) -> str:
        return os.path.join(self._folder, f"{piece.index:05d}.nut")


def _seek(source: InputContainer, stream: VideoStream, pts: int) -> bool:
    """Whether a container can go to a time stamp."""
    import av

    try:
        source.seek(pts, stream=stream)
    except av.FFmpegError:
        return False
    return True


def _nut(path: str) -> OutputContainer:
    import av

    return av.open(untabled_nut(path), "w", format="tee")


class _Recoding:
    """One piece on its way into a file, picture by picture, without loss."""

    def __init__(self, piece: Piece, path: str, spec: FrameSpec, first: VideoFrame, codec: str) -> None:
        import av
        from av.video.stream import VideoStream

        self.piece, self._path = piece, path
        self._shift = max(0, -piece.lead_from)
        self._frames = self._lead = self._tail = 0
        self._begins: tuple[int, int] | None = None  # the first picture of all, and the first of its own
        self._digest = hashlib.sha256()
        self._format, self._full = lossless_format(first.format.name)
        self._container = av.open(f"file:{path}", "w", format="nut")
        if codec in LEFT:
            self._container.metadata[SITING] = "left"
        stream = self._container.add_stream("ffv1", rate=spec.rate, options={"level": "3", "g": "1", "slices": "4"})
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = first.width, first.height, self._format
        context.time_base = stream.time_base = spec.time_base
        context.color_range = FULL_RANGE if self._full else first.color_range
        context.colorspace = first.colorspace
        self._stream, self._time_base, self._size = stream, spec.time_base, (first.width, first.height)

    def is_over(self, pts: int) -> bool:
        return self.piece.tail_stop is not None and pts >= self.piece.tail_stop

    def add(self, picture: VideoFrame, pts: int) -> None:
        import av

        if not self.piece.wants(pts):
            return
        behind = self.piece.stop is not None and pts >= self.piece.stop
        own = pts >= self.piece.first and not behind
        first = pts if self._begins is None else self._begins[0]
        if self._begins is None or (own and not self._frames):
            self._begins = first, pts
        self._frames, self._tail = self._frames + own, self._tail + behind
        self._lead += not own and not behind
        width, height = self._size
        made = picture.reformat(width=width, height=height, format=self._format)
        before = picture.pts, picture.time_base  # where nothing had to change, `made` is the picture itself
        made.pts, made.time_base = pts + self._shift, self._time_base
        try:
            for packet in self._stream.encode(made):
                self._digest.update(bytes(packet))
                self._container.mux(packet)
        except av.FFmpegError as error:
            raise RunError(f"{shown(self._path)}: cannot be written ({reason(error)})") from error
        finally:
            picture.pts, picture.time_base = before

    def close(self, damage: Counter[str]) -> Cut:
        import av

        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except av.FFmpegError as error:
            raise RunError(f"{shown(self._path)}: cannot be written ({reason(error)})") from error
        if self._begins is None or not self._frames:
            raise RunError(f"segment {self.piece.index}: nothing of it can be decoded")
        begin, first = self._begins
        there = replace(self.piece, first=first, frames=self._frames, lead_from=begin)
        piece = replace(there, lead=self._lead, tail=self._tail)
        met = dict(damage)
        damage.clear()
        return Cut(piece, self._path, self._digest.hexdigest(), exact=False, shift=self._shift, damage=met)

    def abandon(self) -> None:
        self._container.close()
        os.unlink(self._path)


def lossless_format(name: str) -> tuple[str, bool]:
    """The pixel format in which FFV1 keeps pictures of format `name` exactly, and whether that is known to be of full
    range; BGR with room to spare where it knows no like one."""
    from av.codec.codec import Codec

    plain = re.sub("^yuvj", "yuv", name)
    taken = {form.name for form in Codec("ffv1", "w").video_formats or ()}
    if plain in taken:
        return plain, plain != name
    like = {"nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le", "rgb24": "bgr0", "bgr24": "bgr0"}
    like |= {"gbrp": "bgr0", "pal8": "bgra", "rgba": "bgra"}
    return like.get(plain, "yuv444p16le"), False
