"""RoiEncoder: H.264 or H.265 whose quantiser is set anew for every picture, finer in the regions of its mask.

The encoder itself always codes at one constant quality; both quantisers are offsets of that, as side data of the
picture. So they may change from picture to picture, at no cost, and nothing is looked ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from models.base import Image, ModelInfo
from models.coding import Coded, Quantiser
from pipeline.errors import RunError, SetupError
from stages.codec.colours import BT601, LIMITED_RANGE, ToYuv, layout
from stages.codec.marking import Marking
from stages.codec.regions import Regions
from stages.output.codecs import Preset

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

RoiCodec = Literal["h264", "h265"]
KEY_INTERVAL_S = 4.0
# Steps by which a key picture is finer than is asked for: all others build on it, and what stands still is coded there
# alone (measured on three clips: the region's bytes stay, the background's are a fifth fewer at equal quality).
KEY_FINER = 3
ENDLESS = 1 << 20  # pictures from key to key, if it were the encoder's to choose

# Adaptive quantisation must be on, or regions are not heeded; it is so weak that it moves no block by a step. Constant
# quality stays constant where the complexity of pictures (qcomp) and what comes later (mbtree) have no say, nor has the
# kind of a picture (ipratio). What is kept to is the PSNR, so nothing is traded for looks.
COMMON = {
    "aq-mode": "1",
    "aq-strength": "0.01",
    "qcomp": "1",
    "ipratio": "1",
    "scenecut": "0",
    "bframes": "0",
    "rc-lookahead": "0",
}
# An error of chroma weighs more in BGR than one of luma, though each of its samples stands for four pixels: a little
# finer (measured on three clips: 0.1 to 0.3 dB at equal bytes).
FINER = "-3"
X264 = {**COMMON, "mbtree": "0", "psy": "0", "chroma-qp-offset": FINER, "sync-lookahead": "0", "sliced-threads": "0"}
X265 = {
    **COMMON,
    "cutree": "0",
    "psy-rd": "0",
    "psy-rdoq": "0",
    "cbqpoffs": FINER,
    "crqpoffs": FINER,
    "qg-size": "16",
    "ctu": "32",  # and so are its cells
    "frame-threads": "1",
    "pools": "none",
    "wpp": "0",
    "repeat-headers": "1",
    "info": "0",
    "log-level": "none",
}


# x265 weighs bits against errors by its own quantiser, whatever the offsets are: at 26 it does not skip what a coarse
# background could do without (measured: a still room with a coarser background took a quarter of the bytes at 40).
H265_MIDDLE = 40


@dataclass(frozen=True)
class _Maker:
    """Which of libavcodec's encoders makes a kind of bytes, and what it is told in its own words."""

    encoder: str
    key: str  # the option that takes these words
    words: Mapping[str, str]
    middle: int  # its own quantiser: all others are offsets of it
    cell: int  # pixels of its blocks: one that lies across a region's edge gets a quantiser between

    def options(self, preset: Preset) -> dict[str, str]:
        words = ":".join(f"{name}={value}" for name, value in self.words.items())
        fixed = {"tune": "zerolatency", "crf": str(self.middle), "forced-idr": "1"}
        return {"preset": preset, **fixed, self.key: words}


MAKERS = {
    "h264": _Maker("libx264", "x264-params", X264, cell=16, middle=26),
    "h265": _Maker("libx265", "x265-params", X265, cell=32, middle=H265_MIDDLE),
}


class RoiEncoder:
    """Codes one stream as `models.coding.Encoder`; one packet leaves with each picture."""

    def __init__(
        self,
        width: int,
        height: int,
        rate: Fraction,
        codec: str = "h264",
        *,
        preset: Preset = "veryfast",
        key_interval: float = KEY_INTERVAL_S,
        threads: int = 1,
    ) -> None:
        """`rate`: pictures a second; `key_interval`: seconds from one key picture to the next. Raises SetupError."""
        if codec not in MAKERS:
            raise SetupError(_refusal(codec))
        maker = MAKERS[codec]
        self.kind, self._middle = codec, maker.middle
        self.info = ModelInfo(maker.encoder, source="FFmpeg, with PyAV", precision="uint8", note=preset)
        self._period = max(1, round(key_interval * rate))
        self._step = 1 / rate
        self._convert = ToYuv(width, height).convert
        self._regions = Regions(width, height, cell=maker.cell)
        self._marking = Marking(width, height, rate)
        self._context = _open(maker, width, height, rate, preset, threads)
        self._number = 0
        self._since_key = self._period

    @property
    def period(self) -> int:
        """Pictures from one key picture to the next, where none is asked for."""
        return self._period

    def encode(self, image: Image, mask: Image, quantiser: Quantiser, *, key: bool = False) -> Coded:
        """`image` uint8 [H, W, 3] BGR, `mask` uint8 [H, W] (255: region). Raises RunError where the encoder fails."""
        import av
        from av.video.frame import PictureType

        picture = self._convert(image)
        picture.pts, picture.time_base = self._number, self._step
        wanted = key or self._since_key >= self._period
        asked = quantiser.shifted(-KEY_FINER) if wanted else quantiser
        regions = self._regions.of(mask)
        picture = self._marking.mark(picture, regions, asked.region - self._middle, asked.background - self._middle)
        picture.pict_type = PictureType.I if wanted else PictureType.NONE
        try:
            packets = self._context.encode(picture)
        except av.FFmpegError as error:
            raise RunError(f"{self.info.name}: picture {self._number}: {error}") from error
        if len(packets) != 1:
            raise RunError(f"{self.info.name}: gave {len(packets)} packets for one picture, not one at once")
        self._number += 1
        self._since_key = 1 if wanted else self._since_key + 1
        return Coded(bytes(packets[0]), packets[0].is_keyframe)

    def close(self) -> None:
        """Let go of the encoder; what it was given has all left it."""
        del self._context


def _open(maker: _Maker, width: int, height: int, rate: Fraction, preset: Preset, threads: int) -> VideoCodecContext:
    import av
    from av.video.codeccontext import VideoCodecContext

    context = av.CodecContext.create(maker.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, layout(width, height)
    context.time_base, context.framerate = 1 / rate, rate
    context.colorspace, context.color_range = BT601, LIMITED_RANGE
    context.gop_size = ENDLESS
    context.thread_count = threads
    context.options = maker.options(preset)
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise SetupError(f"{maker.encoder}: cannot be opened for {width}x{height}: {error}") from error
    return context


def _refusal(codec: str) -> str:
    if codec == "av1":
        return "codec: 'av1': its encoder (SVT-AV1) gives no region more than the rest; take h264 or h265"
    return f"codec: {codec!r} is none of {', '.join(MAKERS)}"
