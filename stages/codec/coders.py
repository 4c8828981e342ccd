"""Coders: which encoder and which decoder go together; imported when they are made."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from models.base import Image, ModelError
from models.coding import CodingError, Decoder, Encoder
from pipeline.errors import SetupError
from pipeline.frame import FrameSpec

CoderName = Literal["roi", "neural"]
SEMANTIC = "semantic"


def encoder_for(coder: CoderName, codec: str, spec: FrameSpec, key_every: float, device: str) -> Encoder:
    """For pictures of a stream, with `key_every` seconds from a key picture to the next; `codec` is of roi, `device` of
    neural. Raises SetupError."""
    if coder == "roi":
        from stages.codec.roi import RoiEncoder

        return RoiEncoder(spec.width, spec.height, Fraction(spec.rate), codec, key_interval=key_every)
    try:
        from models.codec_neural import NeuralEncoder

        return NeuralEncoder(spec.width, spec.height, Fraction(spec.rate), device=device, keys=key_every)
    except (ModelError, CodingError) as error:
        raise SetupError(str(error)) from error


def decoder_for(kind: str, device: str = "auto") -> Decoder:
    """Of what an encoder of this kind has made; `device` is of neural. Raises SetupError."""
    if kind != SEMANTIC:
        from stages.codec.roi_decoder import RoiDecoder

        return RoiDecoder(kind)
    try:
        from models.codec_neural import NeuralDecoder

        return NeuralDecoder(device=device)
    except ModelError as error:
        raise SetupError(str(error)) from error


def simulation(device: str = "auto") -> Callable[[Image, Image, float], Image]:
    """What shows a picture with noise instead of coding: of the picture, its mask, and a ratio. Raises SetupError."""
    try:
        from models.codec_loading import load
        from models.codec_simulated import Simulated

        return Simulated(load(device=device)).simulate
    except ModelError as error:
        raise SetupError(str(error)) from error
