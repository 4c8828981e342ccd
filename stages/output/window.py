"""Window: which part of the source's time becomes the finished file, and where on its clock that file's zero lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipeline.frame import FrameSpec
from stages.media import open_media, stamp, video_stream

if TYPE_CHECKING:
    from av.packet import Packet


@dataclass(frozen=True)
class Window:
    """Seconds on the source's clock: `origin` becomes zero; what lies before `begin` or from `end` on is cut off."""

    origin: Fraction = Fraction(0)
    begin: Fraction | None = None
    end: Fraction | None = None

    def shift(self, packet: Packet[Any]) -> None:
        """Move a packet to the finished file's clock."""
        ticks = round(self.origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks

    def holds(self, packet: Packet[Any]) -> bool:
        """Whether a packet begins inside."""
        time = stamp(packet) * packet.time_base
        return (self.begin is None or time >= self.begin) and (self.end is None or time < self.end)

    def trim(self, packet: Packet[Any]) -> bool:
        """Shorten a packet that is shown for a while to what lies inside; False where nothing does."""
        start, base = stamp(packet), packet.time_base
        stop = start + (packet.duration or 0)
        first = start if self.begin is None else max(start, round(self.begin / base))
        last = stop if self.end is None else min(stop, round(self.end / base))
        if last < first or (last == first and stop > start) or (self.end is not None and first * base >= self.end):
            return False
        packet.pts = packet.dts = first
        packet.duration = last - first
        return True


def window_of(spec: FrameSpec, source: str, frames: tuple[int, int, int], progress: Callable[[], None]) -> Window:
    """The window of a run. `source` is its file ("": none).

    `frames` are the time stamps of its first and its last frame and the last one's length, in the spec's ticks.
    """
    first, last, duration = (ticks * spec.time_base for ticks in frames)
    ends = [spec.end] if spec.end is not None else []
    if source and goes_on_after(source, frames[1], progress):  # it was ended before its end
        ends.append(last + duration)
    end = min(ends, default=None)
    if spec.start is None:
        return Window(min(first, _sound_start(source, first)), None, end)
    # A frame that comes a little after the wanted moment is the beginning; one that comes much later is not.
    origin = first if 0 <= first - spec.start < 1 / spec.rate else min(first, spec.start)
    return Window(origin, origin, end)


def _sound_start(source: str, video: Fraction) -> Fraction:
    """When the first sound of a file begins, in seconds; no earlier than zero, where only an encoder's run-in lies."""
    if not source:
        return video
    with open_media(source) as container:
        starts = [
            s.start_time * s.time_base for s in container.streams.audio if s.start_time is not None and s.time_base
        ]
    return max(min(starts, default=video), Fraction(0))


def goes_on_after(source: str, pts: int, progress: Callable[[], None]) -> bool:
    """Whether the source has video after `pts` (stream ticks): the run was ended before it."""
    import av

    with open_media(source) as container:
        stream = video_stream(container, source)
        try:
            container.seek(pts, stream=stream)
            for packet in container.demux(stream):
                progress()
                if packet.size and not packet.is_discard and stamp(packet) > pts:
                    return True
        except av.FFmpegError:
            return False
    return False
