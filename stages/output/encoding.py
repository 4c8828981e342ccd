"""The codecs a file can be written with, as data, and the way from a BGR picture to one packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.frame import FrameSpec, Image

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

UNSPECIFIED, FULL_RANGE = 2, 2
BT709 = 1
# Number of a matrix in ISO/IEC 23091-2 -> the scaler's (av.video.reformatter.Colorspace): 5 and 6 are both BT.601.
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}


@dataclass(frozen=True)
class Codec:
    """One way to encode. No look-ahead and no B-frames: each picture's packet leaves with its picture."""

    encoder: str
    pixels: str
    odd_pixels: str  # where width or height is odd: no colour is halved
    options: Mapping[str, str] = field(default_factory=dict)
    takes: frozenset[str] = frozenset()  # which of the sink's settings it has
    rgb: bool = False
    container_name: str = ""  # what containers call it, where that is not its name here


CODECS: Mapping[str, Codec] = {
    "h264": Codec(
        encoder="libx264",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={"tune": "zerolatency", "bf": "0", "threads": "4", "crf": "18"},
        takes=frozenset({"crf", "preset"}),
    ),
    "h265": Codec(
        encoder="libx265",
        container_name="hevc",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={
            "tune": "zerolatency",
            "crf": "22",
            "x265-params": "bframes=0:rc-lookahead=0:repeat-headers=1:log-level=none",
        },
        takes=frozenset({"crf", "preset"}),
    ),
    "av1": Codec(
        encoder="libsvtav1",
        pixels="yuv420p",
        odd_pixels="yuv420p",
        options={"preset": "10", "crf": "30", "svtav1-params": "pred-struct=1:lookahead=0"},
        takes=frozenset({"crf"}),
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={"deadline": "realtime", "cpu-used": "7", "lag-in-frames": "0", "crf": "26", "b": "0"},
        takes=frozenset({"crf"}),
    ),
    "mjpeg": Codec(
        encoder="mjpeg",
        pixels="yuvj420p",
        odd_pixels="yuvj444p",
        options={"qmin": "2", "qmax": "4"},
    ),
    "ffv1": Codec(
        encoder="ffv1",
        pixels="bgr0",
        odd_pixels="bgr0",
        options={"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "threads": "4"},
        rgb=True,
    ),
}


@dataclass(frozen=True)
class Encoding:
    """A codec with all its settings for one stream: gives the same header each time.

    So the packets of several incarnations, and of the part and the finished file, make one stream.
    """

    codec: Codec
    spec: FrameSpec
    settings: Mapping[str, str] = field(default_factory=dict)

    def add_to(self, container: OutputContainer) -> VideoStream:
        """A video stream in `container`. Raises ValueError if that cannot hold it."""
        from av.video.stream import VideoStream

        spec, codec = self.spec, self.codec
        options = {**codec.options, **{key: value for key, value in self.settings.items() if key in codec.takes}}
        stream = container.add_stream(codec.encoder, rate=spec.rate, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = spec.width, spec.height
        context.pix_fmt = codec.odd_pixels if spec.width % 2 or spec.height % 2 else codec.pixels
        context.time_base = stream.time_base = spec.time_base
        if spec.sample_aspect != 1:
            context.sample_aspect_ratio = spec.sample_aspect
        if not codec.rgb:
            context.colorspace, context.color_range = matrix_of(spec), spec.color_range
        context.color_primaries, context.color_trc = spec.color_primaries, spec.color_trc
        return stream


def matrix_of(spec: FrameSpec) -> int:
    """The colour matrix to encode with: the source's own, or BT.709 where the source was RGB or something rare."""
    return spec.colorspace if spec.colorspace in MATRICES or spec.colorspace == UNSPECIFIED else BT709


class Converter:
    """From uint8 [H, W, 3] BGR to what the encoder takes; keeps its scaler from frame to frame."""

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
            VideoFrame.from_numpy_buffer(image, format="bgr24"),
            format=self._pixels,
            dst_colorspace=self._matrix,
            dst_color_range=self._range,
            interpolation=self._filter,
            threads=1,
        )
        picture.pts, picture.time_base = pts, self._time_base
        return picture


def encode_one(stream: VideoStream, picture: VideoFrame) -> Packet[VideoStream]:
    """The one packet of one picture."""
    packets = stream.encode(picture)
    assert len(packets) == 1, f"{stream.codec_context.name} gave {len(packets)} packets for one picture"
    return packets[0]
