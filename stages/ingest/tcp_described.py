"""Described: a stream that says itself what it holds (nut, matroska, yuv4mpegpipe), decoded as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec, Image
from stages.ingest.orientation import Orientation, orientation_of, paint
from stages.ingest.tcp_sender import Sender
from stages.media import MAX_PIXELS, check_size, reason, video_stream

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

BUFFER = 1 << 18  # bytes that are read at a time
PROBE = {"probesize": "5000000", "analyzeduration": "200000", "fpsprobesize": "0"}
MOST_ERRORS = 100  # in a row, of a stream of which nothing can be decoded
MAX_RATE = 1000


class Described:
    """Opened when its header is there. Raises SetupError: nothing in it can be shown."""

    def __init__(self, sender: Sender, form: str, label: str, count: Callable[[str], None]) -> None:
        """`count` is told of each packet that is no picture: "short frames", "decode errors"."""
        import av
        from av.video.reformatter import VideoReformatter

        self._sender = sender
        self._count = count
        self._label = label
        self._reformatter = VideoReformatter()
        options = {**PROBE, "format_whitelist": form}
        try:
            self._container = av.open(_Readable(sender), "r", format=form, options=options, buffer_size=BUFFER)
        except (av.FFmpegError, ValueError) as error:
            raise SetupError(f"{label}: not {form} that can be read ({reason(error)})") from error
        self._stream: VideoStream = video_stream(self._container, label)
        context = self._stream.codec_context
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count = 1
        self._time_base = self._stream.time_base or Fraction(1, 1000)

    @property
    def spec(self) -> FrameSpec:
        """What its header says. Raises SetupError where that is no size."""
        context, stream = self._stream.codec_context, self._stream
        if not (context.width and context.height):
            raise SetupError(f"{self._label}: does not say how large its pictures are")
        rate = stream.average_rate or stream.guessed_rate or Fraction(30)
        return FrameSpec(
            width=context.width,
            height=context.height,
            rate=rate if 0 < rate <= MAX_RATE else Fraction(30),
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            colorspace=context.colorspace,
            color_range=context.color_range,
            color_primaries=context.color_primaries,
            color_trc=context.color_trc,
        )

    def pictures(self) -> Iterator[tuple[VideoFrame, float | None]]:
        """Each picture with its time in seconds, None where it has none; let go of it before the next one."""
        import av

        errors = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._count("decode errors")
                errors += 1
                if errors >= MOST_ERRORS:
                    return
                continue
            while frames:
                errors = 0
                frame = frames.pop(0)
                check_size(frame.width, frame.height, self._label)
                self._sender.patiently()
                yield frame, None if frame.pts is None else float(frame.pts * (frame.time_base or self._time_base))
                del frame

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        import av

        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt:  # cut off in its midst
                    self._count("short frames")
                    continue
                yield packet
        except (av.FFmpegError, ValueError):
            if not self._sender.end:
                self._count("read errors")

    def paint(self, picture: VideoFrame, image: Image) -> None:
        """Write it into `image`, uint8 [H, W, 3] BGR, upright, and scaled where it is of another size."""
        turned = orientation_of(picture) or Orientation()
        height, width = image.shape[:2]
        paint(picture, image, turned.size(width, height), turned, self._reformatter)

    def close(self) -> None:
        self._container.close()


class _Readable:
    """A sender as the file that PyAV reads; it can only go on."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def read(self, most: int) -> bytes:
        return self._sender.read(most)
