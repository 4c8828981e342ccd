"""Soundtrack: the audio packets of the source, copied bit for bit into the result where its container can hold them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.media import open_media, stamp

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet


class Soundtrack:
    """All audio tracks of `source` ("": none), to be muxed into `container` in step with the video.

    `end` is the time in seconds from which nothing is taken (None: all). `note` is told of tracks that are re-encoded.
    """

    def __init__(
        self, source: str, container: OutputContainer, end: Fraction | None, note: Callable[[str], None]
    ) -> None:
        self._end = end
        self._input = open_media(source) if source else None
        streams = [s for s in self._input.streams.audio if s.codec_context] if self._input else []
        self._tracks = {stream.index: _track(stream, container, note) for stream in streams}
        self._packets = self._until_end(streams)
        self._next: Packet[AudioStream] | None = next(self._packets, None)

    def _until_end(self, streams: list[AudioStream]) -> Iterator[Packet[AudioStream]]:
        """Packets in file order; a damaged end is the end."""
        import av

        if self._input is None or not streams:
            return
        try:
            for packet in self._input.demux(tuple(streams)):
                if packet.size and (self._end is None or stamp(packet) * packet.time_base < self._end):
                    yield packet
        except av.FFmpegError:
            return

    def mux_until(self, time: Fraction) -> None:
        """Mux what begins at or before `time` seconds."""
        while self._next is not None and stamp(self._next) * self._next.time_base <= time:
            self._mux_next()

    def finish(self) -> None:
        """Mux all that is left."""
        while self._next is not None:
            self._mux_next()
        for track in self._tracks.values():
            track.finish()
        if self._input is not None:
            self._input.close()

    def _mux_next(self) -> None:
        assert self._next is not None
        self._tracks[self._next.stream_index].mux(self._next)
        self._next = next(self._packets, None)


class _Copied:
    """A track whose packets go over as they are."""

    def __init__(self, stream: AudioStream, container: OutputContainer) -> None:
        self._container = container
        self._out = container.add_stream_from_template(stream, opaque=True)

    def mux(self, packet: Packet[AudioStream]) -> None:
        packet.stream = self._out
        self._container.mux_one(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _Reencoded:
    """A track that the container cannot hold as it is."""

    def __init__(self, stream: AudioStream, container: OutputContainer) -> None:
        self._container = container
        self._out = container.add_stream("aac", rate=stream.codec_context.sample_rate)
        self._out.codec_context.layout = stream.codec_context.layout

    def mux(self, packet: Packet[AudioStream]) -> None:
        import av

        try:
            frames = packet.decode()
        except av.InvalidDataError:
            return  # damage is silence
        for frame in frames:
            self._container.mux(self._out.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._out.encode(None))


def _track(stream: AudioStream, container: OutputContainer, note: Callable[[str], None]) -> _Copied | _Reencoded:
    kind = container.format.name
    if can_hold(kind, stream):
        return _Copied(stream, container)
    note(f"audio track {stream.index}: {kind} cannot hold {stream.codec_context.name}; re-encoded to aac")
    return _Reencoded(stream, container)


def can_hold(kind: str, stream: AudioStream) -> bool:
    """Whether a container takes the packets of a track as they are: only writing its header tells."""
    import av

    try:
        with av.open(os.devnull, "w", format=kind) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def goes_on_after(source: str, pts: int, progress: Callable[[], None]) -> bool:
    """Whether the source has video after `pts` (stream ticks): the run was ended before it."""
    import av

    with open_media(source) as container:
        stream = container.streams.video[0]
        try:
            container.seek(pts, stream=stream)
            for packet in container.demux(stream):
                progress()
                if packet.size and not packet.is_discard and stamp(packet) > pts:
                    return True
        except av.FFmpegError:
            return False
    return False
