"""Publishing: the part file and the source's sound become the finished file, which appears at once and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.stage import Context
from stages.media import reason, shown, stamp
from stages.output.encoding import Encoding
from stages.output.part import count_packets, read_packets
from stages.output.soundtrack import Soundtrack, goes_on_after

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

SYNC_EVERY = 32 << 20  # bytes; a disk that is asked often never has so much to do that it looks hung


@dataclass(frozen=True)
class Publication:
    """What is to become of a part file: where, in which container, with whose sound ("": none)."""

    part: str
    output: str
    container: str
    encoding: Encoding
    sound: str
    context: Context

    def publish(self, frames: int, last: int, duration: int) -> None:
        """Mux, check, replace the output atomically; then the part goes. Raises RunError, and the part stays.

        `last` is the time stamp of the last of `frames` frames and `duration` its length, in the spec's ticks.
        """
        import av

        made = f"{self.part}.out"
        try:
            self._mux(made, last, duration)
            sync(made)
            found = count_packets(made, self.context.progress)
            if found != frames:
                raise RunError(f"{shown(self.output)}: {found} of {frames} frames can be read back; see {self.part}")
            os.replace(made, self.output)
            sync(os.path.dirname(os.path.abspath(self.output)))
        except (av.FFmpegError, OSError) as error:
            raise RunError(f"{shown(self.output)}: cannot be written ({reason(error)})") from error
        Path(self.part).unlink()

    def _mux(self, made: str, last: int, duration: int) -> None:
        import av

        base = self.encoding.spec.time_base
        with av.open(f"file:{made}", "w", format=self.container) as container:
            video = self.encoding.add_to(container)
            sound = Soundtrack(self.sound, container, self._end(last, duration), self.context.note)
            unsynced = 0
            for packet in lengthen(read_packets(self.part, self.context.progress), duration * base):
                sound.mux_until(stamp(packet) * packet.time_base)
                packet.stream = video
                container.mux_one(packet)
                unsynced += packet.size
                if unsynced > SYNC_EVERY:
                    sync(made)
                    unsynced = 0
            sound.finish()

    def _end(self, last: int, duration: int) -> Fraction | None:
        """Where the sound is cut: nowhere if the video went to its end."""
        if not self.sound or not goes_on_after(self.sound, last, self.context.progress):
            return None
        return (last + duration) * self.encoding.spec.time_base


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
