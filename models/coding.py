"""Protocols of coders: pictures and masks become bytes, and a decoder that sees nothing else makes pictures again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.base import Image, ModelInfo

FINEST, COARSEST = 0.0, 51.0
"""The range of a quantiser, as that of H.264: six more double the step, and take about half the bits."""


class CodingError(Exception):
    """Bytes that are no picture, or not the next one: cut off, changed, of another stream. One line that says why."""


@dataclass(frozen=True, slots=True)
class Quantiser:
    """How coarsely a picture is coded: `region` where the mask is 255, `background` elsewhere; FINEST to COARSEST."""

    region: float
    background: float

    def shifted(self, by: float) -> Quantiser:
        """Both, coarser by so much, within the range."""
        return Quantiser(*(min(max(value + by, FINEST), COARSEST) for value in (self.region, self.background)))


@dataclass(frozen=True, slots=True)
class Coded:
    """One picture of a stream, as bytes. `key`: it can be decoded without those before it."""

    data: bytes
    key: bool


class Encoder(Protocol):
    """Codes one stream, picture after picture, with nothing held back: each call gives that picture's bytes."""

    info: ModelInfo
    kind: str  # of the bytes: `h264`, `h265`, `av1` (Annex B or OBUs, parameter sets with each key picture), `semantic`

    def encode(self, image: Image, mask: Image, quantiser: Quantiser, *, key: bool = False) -> Coded:
        """`image` uint8 [H, W, 3] BGR, `mask` uint8 [H, W] (255: matters, 0: background), of the encoder's size.
        `key`: code it without those before. Raises FloatingPointError where a network's answer is not finite."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Decoder(Protocol):
    """Makes pictures of an encoder's bytes; knows nothing else of it."""

    def decode(self, data: bytes) -> Image:
        """The picture, uint8 [H, W, 3] BGR: exactly what the encoder reckons with. Raises CodingError; then it goes on
        with the next key picture."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...
