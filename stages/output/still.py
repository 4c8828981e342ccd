"""Still: from a BGR or BGRA picture to the bytes of a PNG, JPEG, TIFF, BMP or WebP file."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.frame import FrameSpec, Image
from stages.media import reason
from stages.output.encoding import LAYOUTS

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

# Ending of the name -> FFmpeg's encoder.
STILLS: Mapping[str, str] = {
    "png": "png",
    "jpg": "mjpeg",
    "jpeg": "mjpeg",
    "tif": "tiff",
    "tiff": "tiff",
    "bmp": "bmp",
    "webp": "libwebp",
}
WITH_ALPHA: Mapping[str, str] = {"png": "rgba", "tiff": "rgba", "libwebp": "yuva420p"}
"""FFmpeg's encoder -> its pixel format with alpha, where it has one that readers know."""

FINE = 90  # quality of JPEG from which no colour is halved
BT601 = 5  # of the scaler; JFIF knows no other


class Still:
    """Encodes pictures of one size, each by itself: `ending` is one of STILLS. Those of another size are scaled to it.

    `alpha`: they are BGRA, straight; only for what `keeps_alpha`.
    `quick`: a JPEG in four fifths of the time, up to a twentieth larger."""

    def __init__(self, ending: str, spec: FrameSpec, quality: int, *, alpha: bool = False, quick: bool = False) -> None:
        from av.video.reformatter import VideoReformatter

        self._encoder, self._spec = STILLS[ending], spec
        self._pixels, self._options = _form(self._encoder, quality)
        if alpha and self._pixels != "bgra":
            self._pixels = WITH_ALPHA[self._encoder]
        if quick and self._encoder == "mjpeg":
            self._options["huffman"] = "default"  # not a code for each picture: that takes a second pass
        self._scaler = VideoReformatter()
        self._context = self._open()

    def _open(self) -> VideoCodecContext:
        from av.video.codeccontext import VideoCodecContext

        context = VideoCodecContext.create(self._encoder, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = self._spec.width, self._spec.height, self._pixels
        context.time_base = Fraction(1)
        context.sample_aspect_ratio = self._spec.sample_aspect
        context.options = dict(self._options)
        return context

    def encode(self, image: Image) -> bytes:
        """The file of a picture, uint8 [H, W, 3] BGR or [H, W, 4] BGRA. Raises RunError."""
        import av
        from av.video.frame import VideoFrame

        picture = self._scaler.reformat(
            VideoFrame.from_numpy_buffer(image, format=LAYOUTS[image.shape[2]]),
            width=self._spec.width,
            height=self._spec.height,
            format=self._pixels,
            dst_colorspace=BT601 if self._pixels.startswith("yuv") else None,
            dst_color_range="JPEG" if self._pixels.startswith("yuvj") else None,
            threads=1,
        )
        picture.pts = None
        try:
            (packet,) = self._context.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            raise RunError(f"{self._encoder}: cannot encode a picture ({reason(error)})") from error
        return bytes(packet)


def keeps_alpha(ending: str) -> bool:
    """Whether pictures with such an ending hold alpha."""
    return STILLS[ending] in WITH_ALPHA


def _form(encoder: str, quality: int) -> tuple[str, dict[str, str]]:
    """The pixel format and the options for a quality of 1 to 100."""
    if encoder == "mjpeg":
        step = str(jpeg_step(quality))
        return "yuvj444p" if quality >= FINE else "yuvj420p", {"qmin": step, "qmax": step}
    if encoder == "libwebp":
        return ("bgra", {"lossless": "1"}) if quality == 100 else ("yuv420p", {"quality": str(quality)})
    if encoder == "tiff":
        return "rgb24", {"compression_algo": "deflate"}
    return ("bgr24" if encoder == "bmp" else "rgb24"), {}


def jpeg_step(quality: int) -> int:
    """FFmpeg's 1 to 31 for the 1 to 100 that people know: both scale one table, by 1 at 8 and at 50."""
    factor = 2 - quality / 50 if quality >= 50 else 50 / quality
    return min(max(round(8 * factor), 1), 31)
