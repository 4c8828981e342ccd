"""Tracks: everything of the source beside its picture, muxed into the finished file in step with the video."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from pipeline.stage import Context
from stages.media import open_media, shown, stamp, video_stream
from stages.output.about import Mark, describe, dress, mark_chapters, marks, undress
from stages.output.track import Track, name_of, open_track
from stages.output.window import Window

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

Kind = Literal["audio", "subtitle", "data", "attachment", "chapters", "metadata"]
MAX_READ_ERRORS = 100
RUN_IN = Fraction(1, 10)  # seconds; no decoder of sound needs more before the first that is heard
SPREAD = 30  # seconds by which packets of one moment lie apart in a file at most; earlier subtitles are not looked for


@dataclass
class _Lane:
    """A track and where it is: the last decoding time muxed, and how much was left out.

    `step`: ticks by which packets differ at least. Texts may come at the same moment: two people speak at once.
    """

    name: str
    track: Track
    step: int = 1
    last: int | None = None
    lost: int = 0


class Tracks:
    """What is kept of `source` ("": nothing): tracks, chapters, tags. `video` is the finished file's picture track."""

    def __init__(
        self, source: str, keep: Set[Kind], container: OutputContainer, video: Stream, window: Window, context: Context
    ) -> None:
        self._window, self._context = window, context
        self._input = open_media(source) if source else None
        self._label = shown(source)
        self._lanes: dict[int, _Lane] = {}
        self.marks: list[Mark] = []  # the finished file's tracks as they are meant to be
        if self._input is not None:
            self._take_over(self._input, keep, container, video)
        self._packets = self._inside()
        self._next: Packet[Any] | None = next(self._packets, None)

    @property
    def empty(self) -> bool:
        """Whether there is no track beside the picture."""
        return not self._lanes

    def _take_over(self, given: InputContainer, keep: Set[Kind], made: OutputContainer, video: Stream) -> None:
        main = video_stream(given, self._label)
        cut = self._window.begin is not None
        dress(video, main, cut)
        if "metadata" in keep:
            describe(made, given, self._window)
            if cut and "timecode" in main.metadata:
                self._context.note("timecode: left out, as the file begins later than its source")
        if "chapters" in keep:
            mark_chapters(made, given, self._window)
        for stream in given.streams:
            if stream.type == "video" and stream is not main:
                self._context.note(f"video track {stream.index} ({name_of(stream)}): shows what was removed; left out")
            elif stream.type in keep and not _rewritten(stream) and (track := open_track(stream, made, self._say)):
                step = 0 if stream.type == "subtitle" else 1
                self._lanes[stream.index] = _Lane(f"{stream.type} track {stream.index}", track, step)
        if "metadata" not in keep:
            for stream in made.streams:
                undress(stream)
        self.marks = marks(made)

    def _say(self, text: str) -> None:
        self._context.note(text)

    def _inside(self) -> Iterator[Packet[Any]]:
        """The packets of the kept tracks that lie in the window, in file order."""
        if self._input is None or not self._lanes:
            return
        self._skip()
        for packet in self._read(self._input):
            self._context.progress()
            if self._is_past(packet):
                return
            if not packet.size or packet.stream_index not in self._lanes or self._is_unheard(packet):
                continue
            if self._window.trim(packet) if packet.stream.type == "subtitle" else self._window.holds(packet):
                yield packet

    def _read(self, container: InputContainer) -> Iterator[Packet[Any]]:
        """All packets; damage is read over as long as there is something behind it."""
        import av

        for _ in range(MAX_READ_ERRORS):
            try:
                yield from container.demux()
                return
            except av.FFmpegError:
                self._context.note(f"{self._label}: damaged; its tracks end there or have gaps")

    def _skip(self) -> None:
        """Where an index says what lies where, read neither the picture nor what is long before the window."""
        import av
        from av.stream import Discard

        assert self._input is not None
        for stream in self._input.streams:
            if stream.index not in self._lanes and self._input.format.name.startswith("mov"):
                stream.discard = Discard.all
        if self._window.begin is not None and self._window.begin > SPREAD:
            try:
                self._input.seek(int((self._window.begin - SPREAD) * av.time_base))
            except av.FFmpegError:
                return  # then from the start

    def _is_unheard(self, packet: Packet[Any]) -> bool:
        """Whether this is sound that a trimmed MP4 or MOV still holds, and keeps players from: others would play it."""
        assert self._input is not None
        trims = self._input.format.name.startswith("mov") and packet.stream.type == "audio"
        end = (stamp(packet) + (packet.duration or 0)) * packet.time_base
        return trims and bool(end < min(self._window.origin, Fraction(0)) - RUN_IN)

    def _is_past(self, packet: Packet[Any]) -> bool:
        end, time = self._window.end, packet.dts if packet.dts is not None else packet.pts
        return end is not None and time is not None and time * packet.time_base > end + SPREAD

    def mux_until(self, time: Fraction) -> None:
        """Mux what begins at or before `time` seconds on the source's clock."""
        while self._next is not None and stamp(self._next) * self._next.time_base <= time:
            self._mux_next()

    def finish(self) -> None:
        """Mux all that is left, and say what was lost."""
        while self._next is not None:
            self._mux_next()
        for lane in self._lanes.values():
            lane.track.finish()
            if lane.lost:
                self._context.note(f"{lane.name}: damaged, {lane.lost} packets are left out")
        if self._input is not None:
            self._input.close()

    def _mux_next(self) -> None:
        import av

        packet = self._next
        assert packet is not None
        lane = self._lanes[packet.stream_index]
        self._window.shift(packet)
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None or (lane.last is not None and time < lane.last + lane.step):
            lane.lost += 1  # no container takes a packet that comes after itself
        else:
            lane.last = time
            try:
                lane.track.mux(packet)
            except av.InvalidDataError:
                lane.lost += 1
        self._next = next(self._packets, None)


def _rewritten(stream: Stream) -> bool:
    """Whether the muxer makes such a track itself: from the chapters, which the demuxer discards, or a time code."""
    from av.stream import Discard

    return stream.type == "data" and (stream.discard == Discard.all or "timecode" in stream.metadata)
