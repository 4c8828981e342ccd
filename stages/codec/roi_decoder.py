"""RoiDecoder: H.264 or H.265 bytes become pictures again, one at once for each packet; knows nothing of the encoder."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from models.base import Image
from models.coding import CodingError
from pipeline.errors import SetupError
from stages.codec.colours import ToBgr
from stages.codec.order import Order
from stages.media import MAX_PIXELS

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

_UNITS = re.compile(rb"\x00\x00\x01([^\x00])", re.DOTALL)  # the first byte of each unit: Rec. ITU-T H.264, Annex B
_H264_KEY = 5
_H265_KEYS = range(16, 22)  # BLA, IDR and CRA: Rec. ITU-T H.265, table 7-1
DECODERS: dict[str, tuple[str, Callable[[int], bool]]] = {
    "h264": ("h264", lambda first: first & 0x1F == _H264_KEY),
    "h265": ("hevc", lambda first: first >> 1 & 0x3F in _H265_KEYS),
}


def is_key(codec: str, data: bytes) -> bool:
    """Whether a packet begins anew, by the types of its units."""
    return any(DECODERS[codec][1](found[1][0]) for found in _UNITS.finditer(data))


class RoiDecoder:
    """Decodes one stream as `models.coding.Decoder`.

    Damage that shows raises CodingError, as does all that is built on it, up to the next key picture. Bits that were
    changed within a picture may not show: then it is a wrong picture, of the right size."""

    def __init__(self, codec: str = "h264") -> None:
        if codec not in DECODERS:
            raise SetupError(f"codec: {codec!r} is none of {', '.join(DECODERS)}")
        self._codec = codec
        self._to_bgr = ToBgr()
        self._context, self._order = self._open(), Order()
        self._size: tuple[int, int] | None = None
        self._lost = True  # nothing to build on: the next one must be a key picture

    def _open(self) -> VideoCodecContext:
        import av
        from av.video.codeccontext import VideoCodecContext

        context = av.CodecContext.create(DECODERS[self._codec][0], "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1  # threads would take a picture each, and hold it back
        context.options = {"flags": "+low_delay", "err_detect": "+crccheck+bitstream+buffer+explode"}
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
        return context

    def decode(self, data: bytes) -> Image:
        """The picture of one packet, uint8 [H, W, 3] BGR. Raises CodingError; goes on with the next key picture."""
        if self._lost:
            if not is_key(self._codec, data):
                raise CodingError("a packet that builds on one that is lost; the next key picture is waited for")
            self._context, self._order = self._open(), Order()  # nothing of what was damaged stays
            self._lost = False
        try:
            picture = self._one(data)
        except CodingError:
            self._lost = True
            raise
        return self._to_bgr.convert(picture)

    def _one(self, data: bytes) -> VideoFrame:
        import av
        from av.packet import Packet

        if self._codec == "h264" and not self._order.follows(data):
            raise CodingError(f"a packet of {len(data)} bytes is not the one that follows")
        try:
            pictures = self._context.decode(Packet(data))
        except (av.FFmpegError, ValueError) as error:
            raise CodingError(f"a packet of {len(data)} bytes cannot be decoded: {error}") from error
        if len(pictures) != 1:
            raise CodingError(f"a packet of {len(data)} bytes holds {len(pictures)} pictures, not one")
        picture = pictures[0]
        size = picture.width, picture.height
        if picture.is_corrupt or self._size not in (None, size):
            raise CodingError(f"a packet of {len(data)} bytes holds a damaged picture of {size[0]}x{size[1]}")
        self._size = size
        return picture

    def close(self) -> None:
        """Let go of the decoder."""
        del self._context
