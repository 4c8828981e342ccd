"""The ways to code that are compared: which encoder, how much coarser the background, and at which quantisers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from benchmarks.codec_clips import Clip
from benchmarks.codec_plain import PlainDecoder, PlainEncoder
from models.base import Image
from models.coding import COARSEST, Coded, Decoder, Encoder, Quantiser
from stages.codec.prefilter import Prefilter
from stages.codec.roi import RoiEncoder
from stages.codec.roi_decoder import RoiDecoder

PLAIN = "x264"  # what all others are compared with
NEURAL = "neural"
STRENGTH = 0.5  # of the filter
ENDLESS_S = 1e4  # a clip has one key picture, its first
QUANTISERS = (20, 25, 30, 35, 40)
OF_NEURAL = (28, 34, 40, 46)  # finer ones take a bit for every pixel and more


@dataclass(frozen=True)
class Way:
    """A curve. `coarser`: by how many steps of the quantiser the background is coarser than the region; `beside`:
    the way that it is compared with."""

    name: str
    says: str
    encoder: Callable[[Clip], Encoder]
    decoder: Callable[[Clip], Decoder]
    coarser: float = 0.0
    quantisers: Sequence[float] = QUANTISERS
    beside: str = PLAIN

    def at(self, region: float) -> Quantiser:
        """Where the region's quantiser is this."""
        return Quantiser(region, min(region + self.coarser, COARSEST))


class Filtered:
    """`roi` with the background smoothed beforehand, as the stage `codec` does it. Follows `models.coding.Encoder`."""

    def __init__(self, encoder: Encoder, strength: float) -> None:
        self.info, self.kind = encoder.info, encoder.kind
        self._encoder, self._filter = encoder, Prefilter(strength)

    def encode(self, image: Image, mask: Image, quantiser: Quantiser, *, key: bool = False) -> Coded:
        return self._encoder.encode(self._filter.apply(image, mask), mask, quantiser, key=key)

    def close(self) -> None:
        self._encoder.close()


def _filtered(codec: str, clip: Clip) -> Encoder:
    return Filtered(_roi(codec, clip), STRENGTH)


def _roi(codec: str, clip: Clip) -> Encoder:
    return RoiEncoder(*clip.size, _rate(clip), codec, key_interval=ENDLESS_S)


def _usual(codec: str, clip: Clip) -> Encoder:
    return PlainEncoder(*clip.size, _rate(clip), codec)


def _rate(clip: Clip) -> Fraction:
    return Fraction(clip.rate).limit_denominator(1000)


def _decoder(codec: str, clip: Clip) -> Decoder:
    return RoiDecoder(codec)


def _player(codec: str, clip: Clip) -> Decoder:
    return PlainDecoder(codec)


def _neural(clip: Clip) -> Encoder:
    from models.codec_neural import NeuralEncoder

    return NeuralEncoder(*clip.size, _rate(clip), keys=ENDLESS_S)


def _neural_decoder(clip: Clip) -> Decoder:
    from models.codec_neural import NeuralDecoder

    return NeuralDecoder()


def simulated(clip: Clip) -> list[Image]:
    """The original's way: noise on what the network sends, in place of a bit rate. There are no bytes to be counted."""
    from models.codec_loading import load
    from models.codec_simulated import Simulated

    coder = Simulated(load())
    return [coder.simulate(image, mask) for image, mask in zip(clip.images, clip.masks, strict=True)]


def _of_roi(name: str, says: str, coarser: float, codec: str = "h264", beside: str = PLAIN) -> Way:
    return Way(name, says, partial(_roi, codec), partial(_decoder, codec), coarser, beside=beside)


WAYS = (
    _of_roi(PLAIN, "the encoder of `roi` without regions: x264, zero latency, one quantiser for the whole", 0),
    Way("x264-usual", "x264 as anybody runs it live, with adaptive quantisation and what pleases eyes: it does not aim "
        "at PSNR", partial(_usual, "h264"), partial(_player, "h264")),
    _of_roi("roi-6", "`roi`, the background 6 steps coarser: about half the bits there", 6),
    _of_roi("roi-12", "`roi`, 12 steps coarser", 12),
    _of_roi("roi-18", "`roi`, 18 steps coarser", 18),
    Way("roi-12-filtered", f"the same, the background smoothed beforehand with strength {STRENGTH:g}",
        partial(_filtered, "h264"), partial(_decoder, "h264"), 12),
    _of_roi("x265", "H.265 without regions", 0, "h265"),
    _of_roi("roi-12-h265", "`roi` with H.265, 12 steps coarser; beside `x265`", 12, "h265", "x265"),
    Way(NEURAL, "the neural coder, 12 steps coarser", _neural, _neural_decoder, 12,
        OF_NEURAL),
)  # fmt: skip
SHOWN = (PLAIN, "roi-12", NEURAL)  # on sheets, those that there are
NAMES = tuple(way.name for way in WAYS)


def named(name: str) -> Way:
    """The way of that name."""
    return next(way for way in WAYS if way.name == name)
