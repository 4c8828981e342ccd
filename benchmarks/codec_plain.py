"""The usual encoder without regions, as anybody would run it live; and a decoder as any player has one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

from models.base import Image, ModelInfo
from models.coding import Coded, CodingError, Quantiser
from stages.codec.colours import ToBgr, ToYuv

LIBRARIES = {"h264": "libx264", "h265": "libx265"}
DECODERS = {"h264": "h264", "h265": "hevc"}
NEVER = 1 << 20  # pictures until the next key picture: a clip has one, its first


class PlainEncoder:
    """x264 or x265 at a constant rate factor and zero latency, all else as they choose it themselves: adaptive
    quantisation and what pleases eyes are on. The mask is not looked at; the factor is that of the first picture."""

    def __init__(self, width: int, height: int, rate: Fraction, codec: str = "h264", preset: str = "veryfast") -> None:
        self.kind = codec
        self.info = ModelInfo(name=LIBRARIES[codec], source="FFmpeg", precision="uint8")
        self._size, self._rate, self._preset = (width, height), rate, preset
        self._convert = ToYuv(width, height).convert  # the same as beside it, so that only the coding differs
        self._context: Any = None
        self._count = 0

    def encode(self, image: Image, mask: Image, quantiser: Quantiser, *, key: bool = False) -> Coded:
        """See `models.coding.Encoder`."""
        if self._context is None:
            self._context = self._opened(quantiser.region)
        picture = self._convert(image)
        picture.pts, picture.time_base = self._count, 1 / self._rate
        picture.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        self._count += 1
        packets = self._context.encode(picture)
        return Coded(b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets))

    def close(self) -> None:
        """See `models.coding.Encoder`."""
        self._context = None

    def _opened(self, factor: float) -> Any:
        context: Any = av.CodecContext.create(LIBRARIES[self.kind], "w")
        context.width, context.height, context.pix_fmt = *self._size, "yuv420p"
        context.framerate, context.time_base, context.gop_size = self._rate, 1 / self._rate, NEVER
        context.thread_count = 1
        context.options = {"preset": self._preset, "tune": "zerolatency", "crf": f"{factor:g}"}
        if self.kind == "h265":
            context.options |= {"x265-params": "log-level=error:pools=none:frame-threads=1:info=0"}
        return context


class PlainDecoder:
    """One packet, one picture."""

    def __init__(self, codec: str = "h264") -> None:
        self._context: Any = av.CodecContext.create(DECODERS[codec], "r")
        self._context.thread_count = 1
        self._context.options = {"flags": "+low_delay"}
        self._to_bgr = ToBgr()

    def decode(self, data: bytes) -> Image:
        """See `models.coding.Decoder`."""
        try:
            found = self._context.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise CodingError(f"a packet of {len(data)} bytes cannot be decoded: {error}") from error
        if len(found) != 1:
            raise CodingError(f"{len(found)} pictures came of one packet of {len(data)} bytes")
        return self._to_bgr.convert(found[0])

    def close(self) -> None:
        """See `models.coding.Decoder`."""
        self._context = None
