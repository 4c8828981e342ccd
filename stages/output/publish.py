"""Publishing: the part file and the source's other tracks become the finished file, which appears at once and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.stage import Context
from stages.media import open_media, reason, shown, stamp
from stages.output.about import Mark, lost_marks, lost_tags, tags
from stages.output.aspect import ROOM, display_size, set_display_size
from stages.output.encoding import Encoding
from stages.output.part import count_packets, read_packets
from stages.output.tracks import Kind, Tracks
from stages.output.window import Window, window_of

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

SYNC_EVERY = 32 << 20  # bytes; a disk that is asked often never has so much to do that it looks hung
# The muxer waits for a track that has nothing to say; meanwhile it keeps the video in memory.
WAIT = {"max_interleave_delta": "1000000"}  # microseconds
FREE_TAGS = {"mov": {"movflags": "use_metadata_tags"}}  # tags of any name, beside those that every player knows
MATROSKA = ("matroska", "webm")
UNSTEADY = Fraction(1, 8)  # of a frame's length, by which one may come too early or too late


@dataclass(frozen=True)
class Publication:
    """What is to become of a part file: where, in which container, with what of which source ("": nothing)."""

    part: str
    output: str
    container: str
    encoding: Encoding
    source: str
    keep: frozenset[Kind]
    context: Context

    def publish(self, frames: int, last: int, duration: int) -> None:
        """Mux, check, replace the output atomically; then the part goes. Raises RunError, and the part stays.

        `last` is the time stamp of the last of `frames` frames and `duration` its length, in the spec's ticks.
        """
        import av

        made = f"{self.part}.out"
        try:
            self._make(made, last, duration)
            sync(made)
            found = count_packets(made, self.context.progress)
            if found != frames:
                raise RunError(f"{shown(self.output)}: {found} of {frames} frames can be read back; see {self.part}")
            os.replace(made, self.output)
            sync(os.path.dirname(os.path.abspath(self.output)))
        except (av.FFmpegError, OSError) as error:
            raise RunError(f"{shown(self.output)}: cannot be written ({reason(error)})") from error
        Path(self.part).unlink()

    def _make(self, made: str, last: int, duration: int) -> None:
        """The whole file, with as much of the source as its damage allows."""
        spec = self.encoding.spec
        first = next(read_packets(self.part, self.context.progress))
        start = round(stamp(first) * first.time_base / spec.time_base)
        window = window_of(spec, self.source, (start, last, duration), self.context.progress)
        promised = self._mux_what_can_be(made, window, duration)
        if self.container in MATROSKA and spec.sample_aspect != 1:
            set_display_size(made, display_size(spec.width, spec.height, spec.sample_aspect))
        self._report_lost(made, window, promised)

    def _mux_what_can_be(self, made: str, window: Window, duration: int) -> list[Mark]:
        """With everything; where a damaged track makes that impossible, with what is no track; else the video alone."""
        import av

        for keep in (self.keep, self.keep & {"chapters", "metadata"}) if self.source else ():
            try:
                return self._mux(made, window, keep, duration)
            except (av.InvalidDataError, av.ArgumentError) as error:
                what = f"{', '.join(sorted(keep))} cannot be taken over together ({reason(error)}); tried with less"
                self.context.note(f"{shown(self.source)}: {what}")
        return self._mux(made, window, frozenset(), duration)

    def _mux(self, made: str, window: Window, keep: frozenset[Kind], duration: int) -> list[Mark]:
        import av

        options = WAIT | FREE_TAGS.get(self.container, {})
        with av.open(f"file:{made}", "w", format=self.container, container_options=options) as container:
            video = self.encoding.add_to(container)
            if self.container == "avi" and self._is_steady():
                video.time_base = (
                    1 / self.encoding.spec.rate
                )  # AVI has a rate; of finer ticks FFmpeg makes 600 a second
            tracks = Tracks(self.source, keep, container, video, window, self.context)
            if self.container in MATROSKA and self.encoding.spec.sample_aspect != 1:
                video.metadata["title"] = video.metadata.get("title", "") + ROOM
            unsynced = 0
            for packet in lengthen(read_packets(self.part, self.context.progress), duration * self._base):
                tracks.mux_until(stamp(packet) * packet.time_base)
                packet.stream = video
                window.shift(packet)
                container.mux_one(packet)
                unsynced += packet.size
                if unsynced > SYNC_EVERY:
                    sync(made)
                    unsynced = 0
            tracks.finish()
        return tracks.marks

    def _is_steady(self) -> bool:
        """Whether each frame comes at its rate's tick, or whole ticks later."""
        rate, first, before = self.encoding.spec.rate, None, -1
        for packet in read_packets(self.part, self.context.progress):
            place = stamp(packet) * packet.time_base * rate
            first = place if first is None else first
            tick = round(place - first)
            if abs(place - first - tick) > UNSTEADY or tick <= before:
                return False
            before = tick
        return True

    @property
    def _base(self) -> Fraction:
        return self.encoding.spec.time_base

    def _report_lost(self, made: str, window: Window, promised: list[Mark]) -> None:
        """Say which of the source's tags and marks the container did not take."""
        for what in lost_marks(made, promised):
            self.context.note(f"{self.container} cannot hold {what}; left out")
        if not self.source or "metadata" not in self.keep:
            return
        with open_media(self.source) as source:
            given = tags(source.metadata, window.begin is not None)
        if lost := lost_tags(made, given):
            self.context.note(f"{self.container} cannot hold the metadata {', '.join(map(shown, lost))}; left out")


def lengthen(packets: Iterator[Packet[VideoStream]], last: Fraction) -> Iterator[Packet[VideoStream]]:
    """The same packets, each as long as the way to the next one; the last one takes `last` seconds."""
    before: Packet[VideoStream] | None = None
    for packet in packets:
        if before is not None:
            before.duration = stamp(packet) - stamp(before)
            yield before
        before = packet
    if before is not None:
        before.duration = round(last / before.time_base)
        yield before


def sync(path: str) -> None:
    """Bring a file or a folder to the disk itself. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
