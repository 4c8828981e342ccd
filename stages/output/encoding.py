"""Encoding: one codec set up for one stream, and the way from a BGR or BGRA picture to one packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import RunError, SetupError
from pipeline.frame import FrameSpec, Image
from stages.output import priority
from stages.output.codecs import Codec

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

LAYOUTS = {3: "bgr24", 4: "bgra"}  # by channels
NO_ALPHA = "holds no alpha; take prores (.mov), vp9 (.webm), ffv1 (.mkv) or png pictures"
UNSPECIFIED, FULL_RANGE = 2, 2
BT709 = 1
# Number of a matrix in ISO/IEC 23091-2 -> the scaler's (av.video.reformatter.Colorspace): 5 and 6 are both BT.601.
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}


@dataclass(frozen=True)
class Encoding:
    """A codec with all its settings for one stream: gives the same header each time.

    So the packets of several incarnations, and of the part and the finished file, make one stream.
    `settings` are options of the encoder; `pixels` is FFmpeg's name of a pixel format ("": the codec's usual one);
    `alpha`: pictures are BGRA, straight, and alpha is kept.
    """

    codec: Codec
    spec: FrameSpec
    settings: Mapping[str, str] = field(default_factory=dict)
    pixels: str = ""
    alpha: bool = False

    @property
    def format(self) -> str:
        """The pixel format that is encoded."""
        if self.pixels:
            return self.pixels
        if self.alpha:
            return self.codec.alpha
        if profile := self.settings.get("profile"):
            return self.codec.profiles[profile]
        return self.codec.odd_pixels if self.odd else self.codec.pixels

    @property
    def odd(self) -> bool:
        return bool(self.spec.width % 2 or self.spec.height % 2)

    @property
    def beside(self) -> bool:
        """Whether what the packets hold is not all: alpha travels as a second packet beside each."""
        return self.codec.beside and has_alpha(self.format)

    def check(self) -> None:
        """Refuse a pixel format that the encoder does not take for these pictures. Raises SetupError."""
        if self.alpha and not self.codec.alpha:
            raise SetupError(f"{self.codec.encoder}: {NO_ALPHA}")
        self._check_taken()
        if self.alpha:
            self._check_alpha()
        self._check_colours()

    def _check_alpha(self) -> None:
        if not has_alpha(self.format):
            raise SetupError(f"pixels: {self.format!r} holds no alpha; take {self.codec.alpha}, or leave pixels out")
        if (profile := self.settings.get("profile")) and chroma(self.codec.profiles[profile]) != chroma(self.format):
            raise SetupError(f"profile: {profile!r} holds no alpha; take 4444 or 4444xq, or leave profile out")

    def _check_taken(self) -> None:
        from av.codec.codec import Codec as Encoder

        encoder = self.codec.encoder
        if not self.format:
            raise SetupError(f"{encoder}: takes no pictures of {self._size}, only even sizes")
        taken = [form.name for form in Encoder(encoder, "w").video_formats or () if form.components]
        if taken and self.format not in taken:
            raise SetupError(f"pixels: {self.format!r} is none that {encoder} takes: {', '.join(taken)}")

    def _check_colours(self) -> None:
        from av.video.format import VideoFormat

        if (profile := self.settings.get("profile")) and chroma(self.format) != chroma(self.codec.profiles[profile]):
            wanted = self.codec.profiles[profile]
            raise SetupError(f"pixels: {self.format!r} does not fit profile {profile!r}, which is of {wanted}")
        form = VideoFormat(self.format, 2, 2)
        halved = any((part.width, part.height) != (2, 2) for part in form.components)
        if self.odd and halved and self.codec.odd_pixels != self.codec.pixels and self.format != self.codec.alpha:
            whole = self.codec.odd_pixels
            why = f"halves the colours, which {self._size} does not allow; take {whole}"
            raise SetupError(f"pixels: {self.format!r} {why}")

    @property
    def _size(self) -> str:
        return f"{self.spec.width}x{self.spec.height}"

    def add_to(self, container: OutputContainer) -> VideoStream:
        """A video stream in `container`, its encoder ready. Raises ValueError if that cannot hold it, FFmpegError if
        the encoder cannot be opened."""
        from av.video.format import VideoFormat
        from av.video.stream import VideoStream

        spec, codec = self.spec, self.codec
        options = {**codec.options, **self.settings}
        stream = container.add_stream(codec.encoder, rate=spec.rate, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = spec.width, spec.height
        context.pix_fmt = self.format
        context.time_base = stream.time_base = spec.time_base
        if spec.sample_aspect != 1:
            context.sample_aspect_ratio = spec.sample_aspect
        if not VideoFormat(self.format).is_rgb:
            context.colorspace, context.color_range = matrix_of(spec), spec.color_range
        context.color_primaries, context.color_trc = spec.color_primaries, spec.color_trc
        with priority.kept():
            context.open()
        return stream


def has_alpha(pixels: str) -> bool:
    """Whether a pixel format has a component for alpha."""
    from av.video.format import VideoFormat

    return any(part.is_alpha for part in VideoFormat(pixels).components)


def chroma(pixels: str) -> str:
    """How much colour a format holds, without its depth and alpha: yuva444p10le and yuv444p12le are both 444."""
    return next((kind for kind in ("420", "422", "444") if kind in pixels), pixels)


def matrix_of(spec: FrameSpec) -> int:
    """The colour matrix to encode with: the source's own, or BT.709 where the source was RGB or something rare."""
    return spec.colorspace if spec.colorspace in MATRICES or spec.colorspace == UNSPECIFIED else BT709


class Converter:
    """From uint8 [H, W, 3] BGR or [H, W, 4] BGRA to what the encoder takes; keeps its scaler from frame to frame."""

    def __init__(self, stream: VideoStream, spec: FrameSpec) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._scaler = VideoReformatter()
        self._time_base: Fraction = spec.time_base
        self._pixels = stream.codec_context.pix_fmt
        self._matrix = MATRICES.get(matrix_of(spec))
        self._range = "JPEG" if spec.color_range == FULL_RANGE else "MPEG"
        # Decoders double chroma samples, so their mean gives them back: AREA beats the sharper filters here.
        self._filter = Interpolation.AREA | Interpolation.ACCURATE_RND

    def convert(self, image: Image, pts: int) -> VideoFrame:
        """The picture to encode, stamped `pts` in ticks of the spec's time base."""
        from av.video.frame import VideoFrame

        picture = self._scaler.reformat(
            VideoFrame.from_numpy_buffer(image, format=LAYOUTS[image.shape[2]]),
            format=self._pixels,
            dst_colorspace=self._matrix,
            dst_color_range=self._range,
            interpolation=self._filter,
            threads=1,
        )
        picture.pts, picture.time_base = pts, self._time_base
        return picture


def encode_one(stream: VideoStream, picture: VideoFrame) -> Packet[VideoStream]:
    """The one packet of one picture. Raises RunError where the encoder holds it back: it would not survive a kill."""
    packets = stream.encode(picture)
    if len(packets) != 1:
        raise RunError(f"{stream.codec_context.name}: gave {len(packets)} packets for one picture, not one at once")
    return packets[0]
