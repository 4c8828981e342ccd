"""Index: when each picture of a video is shown, and where decoding can begin; read once, from its packets."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.clock import Clock, nominal_step
from stages.ingest.pictures import Pictures
from stages.ingest.span import Span
from stages.media import open_media, shown, video_stream

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Stamps = NDArray[np.int64]
STAMPED = frozenset({"mov", "matroska", "mpegts", "flv", "nut"})  # of others FFmpeg guesses when a packet is shown
WIDEST = Fraction(60)  # seconds between two key frames beyond which decoding from the last one costs too much


@dataclass(frozen=True)
class Index:
    """Time stamps in ticks of `time_base` seconds, ascending: of every picture that is wanted, and of all key frames.

    `copied`: packets have told it, and may be copied; else every picture was decoded to know, and must be again.
    `stop`: where the range that is wanted ends; None: with the video."""

    pts: Stamps
    keys: Stamps
    time_base: Fraction
    copied: bool
    stop: int | None = None

    def entry(self, pts: int) -> int:
        """The key frame from which decoding surely gives the picture at `pts`: the one before the last one, for a group
        may refer back to the one before it."""
        at = int(np.searchsorted(self.keys, pts, side="right")) - 1
        return int(self.keys[max(0, at - 1)])


def read_index(video: str, spec: FrameSpec, progress: Callable[[], None] = lambda: None) -> Index:
    """The index of what a run of `video` would take (`spec`: as its source describes it). Raises SetupError where
    there is nothing."""
    base = spec.time_base
    taken = Span.of(spec.start, spec.end, base)
    told = _from_packets(video, progress)
    pts, keys = told or _from_pictures(video, nominal_step(spec.rate, base), progress)
    wanted = pts[pts >= taken.first] if taken.first is not None else pts
    wanted = wanted[wanted < taken.stop] if taken.stop is not None else wanted
    if not len(wanted):
        raise SetupError(f"{shown(video)}: has no picture in the range that is wanted")
    copied = told is not None and _widest(keys, pts) * base <= WIDEST
    return Index(wanted, keys, base, copied, taken.stop)


def _widest(keys: Stamps, pts: Stamps) -> int:
    """Ticks of the longest way from a key frame to the next one, or to the end."""
    return int(np.diff(np.append(keys, pts[-1])).max(initial=0))


def _from_packets(video: str, progress: Callable[[], None]) -> tuple[Stamps, Stamps] | None:
    """None where packets do not prove it: one without a time stamp, two with the same, no key frame at the start, or a
    container that does not hold such."""
    import av

    pts, keys = array("q"), array("q")
    with open_media(video) as container:
        if container.format.name.split(",")[0] not in STAMPED:
            return None
        try:
            for packet in container.demux(video_stream(container, shown(video))):
                progress()
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    return None
                pts.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
        except av.FFmpegError:
            return None
    if not pts or not keys or pts[0] != keys[0]:
        return None
    every = np.unique(np.frombuffer(pts, np.int64))
    return (every, np.unique(np.frombuffer(keys, np.int64))) if len(every) == len(pts) else None


def _from_pictures(video: str, step: int, progress: Callable[[], None]) -> tuple[Stamps, Stamps]:
    pts, keys = array("q"), array("q")
    for picture, stamp in decoded(video, step, progress=progress):
        pts.append(stamp)
        if picture.key_frame or not keys:
            keys.append(stamp)
        del picture
    return np.array(pts, np.int64), np.array(keys, np.int64)


def decoded(
    video: str,
    step: int,
    *,
    entry: int | None = None,
    damaged: Callable[[str], None] = lambda _: None,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[tuple[VideoFrame, int]]:
    """The pictures of a video with time stamps that go forward, from the key frame `entry` on (None: from the start).

    `step` is a nominal frame in ticks. Raises SetupError where nothing can be decoded."""
    pictures = Pictures(open_media(video), shown(video), damaged, progress)
    clock = Clock(step)
    try:
        if entry is not None:
            pictures.seek(entry)
        for picture in pictures:
            yield picture, clock.tick(picture.pts)
            del picture
    finally:
        pictures.close()
