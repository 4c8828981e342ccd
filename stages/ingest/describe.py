"""What comes out of an opened video: its FrameSpec, judged by the stream and its first picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.frame import FrameSpec
from stages.ingest.orientation import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_RATE = 1000
MICROSECOND = Fraction(1, 1_000_000)


def describe(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    orientation: Orientation,
    source: str,
    start: Fraction | None,
    end: Fraction | None,
) -> FrameSpec:
    """The spec of `stream`; `start` and `end` in seconds from the container's start."""
    width, height = orientation.size(first.width, first.height)
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    if not 0 < rate <= MAX_RATE:
        rate = Fraction(25)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    zero = zero_of(container, stream)
    return FrameSpec(
        width=width,
        height=height,
        rate=rate,
        time_base=stream.time_base or 1 / rate,
        source=source,
        declared_frames=expected(stream.frames, rate, start, end),
        rotation=orientation.rotation,
        mirrored=orientation.mirrored,
        sample_aspect=1 / aspect if orientation.transposed else aspect,
        colorspace=first.colorspace,
        color_range=first.color_range,
        color_primaries=first.color_primaries,
        color_trc=first.color_trc,
        start=None if start is None else zero + start,
        end=None if end is None else zero + end,
    )


def zero_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """Which time stamp, in seconds, players show as zero: where the first of the container's streams starts."""
    begun = Fraction(0) if stream.start_time is None else stream.start_time * (stream.time_base or Fraction(0))
    if container.start_time is None:
        return begun
    whole = container.start_time * MICROSECOND
    return begun if abs(begun - whole) <= MICROSECOND else whole  # the container's is rounded, the stream's is not


def expected(frames: int, rate: Fraction, start: Fraction | None, end: Fraction | None) -> int | None:
    """About how many frames come, of a file that says it has so many (0: it does not say)."""
    if not frames:
        return None
    length = frames / rate
    return max(1, round((min(end or length, length) - (start or 0)) * rate))
