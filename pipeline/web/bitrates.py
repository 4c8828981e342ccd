"""Bit rates: how many bits a second a WebRTC picture may take, by its size, and how large a received one may be.

aiortc's own ceilings are 1.5 Mbit/s (VP8) and 3 Mbit/s (H.264) whatever the size: too little for a moving 720p picture,
more than 360p has use for. They are constants of its modules; `install()` is the one place where they are raised, and
where its encoders are replaced by ones that keep to CEILINGS. Below its ceiling an encoder follows what the receiver
says that the network can carry (REMB), as before.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from av.frame import Frame
from av.video.frame import VideoFrame

CEILINGS = ((320 * 240, 800_000), (640 * 480, 2_000_000), (1280 * 720, 4_000_000), (1920 * 1080, 8_000_000))
"""(pixels up to which, bits a second) at 30 frames a second: about 0.15 bits a pixel."""
MOST = 16_000_000
LEAST = 250_000
MOST_PIXELS = 3840 * 2160  # of a received picture: memory is taken by what its header says
SHARES = ((20.0, 1.0), (10.0, 0.5), (5.0, 0.25), (0.0, 0.125))
"""(frames a second from which, share of the ceiling). An encoder that is told bits a second gives each frame more of
them where frames are few, as on a busy machine: which are more work, so that they become fewer still."""
SLACK = 1.25  # a rate must be that much above a step for a larger share: a new rate begins with a key frame


def ceiling(pixels: int) -> int:
    """Bits a second for pictures of so many pixels, 30 a second."""
    return next((bits for most, bits in CEILINGS if pixels <= most), MOST)


class Pace:
    """The share of its ceiling that a stream may use, by the frames that really come."""

    def __init__(self) -> None:
        self._every: float | None = None  # seconds between two frames, smoothed
        self._last: float | None = None
        self.share = 1.0

    def at(self, seconds: float) -> float:
        """The share, with a frame of that time."""
        if self._last is not None and seconds > self._last:
            gap = min(2.0, seconds - self._last)
            self._every = gap if self._every is None else self._every + (gap - self._every) / 16
        self._last = seconds
        if self._every is not None:
            low, high = (self._share(1 / self._every / slack) for slack in (SLACK, 1.0))
            self.share = min(max(self.share, low), high)
        return self.share

    @staticmethod
    def _share(rate: float) -> float:
        return next(share for least, share in SHARES if rate >= least)


def bounded(base: Any) -> Any:
    """The same encoder of aiortc, which keeps to its ceiling; below that the receiver has its say, frame by frame."""

    class Bounded(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._pace, self._told = Pace(), MOST

        def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
            assert isinstance(frame, VideoFrame)
            share = self._pace.at(float((frame.pts or 0) * (frame.time_base or 0)))
            most = int(share * ceiling(frame.width * frame.height))
            base.target_bitrate.fset(self, min(self._told, most))
            found: tuple[list[bytes], int] = super().encode(frame, force_keyframe)
            return found

        @property
        def target_bitrate(self) -> int:
            bits: int = base.target_bitrate.fget(self)
            return bits

        @target_bitrate.setter
        def target_bitrate(self, bits: int) -> None:
            self._told = bits

    return Bounded


@cache
def install() -> None:
    """Raise the constants and put the encoders and decoders that keep the bounds in the place of aiortc's."""
    from aiortc import codecs
    from aiortc.codecs import h264, vpx
    from av.codec import CodecContext

    for module in (h264, vpx):
        vars(module).update(MIN_BITRATE=LEAST, DEFAULT_BITRATE=MOST, MAX_BITRATE=MOST)

    class Vp8Decoder(vpx.Vp8Decoder):
        def __init__(self) -> None:  # FFmpeg's own decoder looks at the size before it takes memory; libvpx does not
            self.codec = CodecContext.create("vp8", "r")
            self.codec.options = {"max_pixels": str(MOST_PIXELS)}
            self.codec.thread_count = 1  # more would each hold a frame back

    class H264Decoder(h264.H264Decoder):
        def __init__(self) -> None:
            self.codec = CodecContext.create("h264", "r")
            self.codec.options = {"max_pixels": str(MOST_PIXELS)}
            self.codec.thread_count = 1

    encoders = {"Vp8Encoder": bounded(vpx.Vp8Encoder), "H264Encoder": bounded(h264.H264Encoder)}
    vars(codecs).update(encoders, Vp8Decoder=Vp8Decoder, H264Decoder=H264Decoder)
