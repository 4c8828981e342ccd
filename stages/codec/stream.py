"""Stream: one life of a coder: what is coded is decoded from its bytes alone, and that is what anybody gets to see."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from models.base import Image
from models.coding import Coded, Decoder, Encoder, Quantiser
from stages.codec.rate import Fixed, Loop


@dataclass(frozen=True, slots=True)
class Made:
    """A picture's bytes, and the picture that is made of them, uint8 [H, W, 3] BGR."""

    coded: Coded
    decoded: Image
    quantiser: Quantiser


@runtime_checkable
class Finding(Protocol):
    """An encoder that finds people by itself."""

    def people(self, image: Image) -> Image: ...


class Coder(Protocol):
    """What a picture goes through. `loop` may be another one before each picture."""

    kind: str
    period: int
    loop: Loop

    def code(self, image: Image, mask: Image, *, key: bool = False) -> Made: ...

    def region(self, image: Image) -> Image:
        """What it would take for the region itself, uint8 [H, W]; only neural ones say so."""
        ...

    def close(self) -> None: ...


class Stream:
    """Begins with a key picture; further ones come every `period` pictures, and where they are asked for."""

    def __init__(self, encoder: Encoder, decoder: Decoder, loop: Loop, period: int) -> None:
        self._encoder, self._decoder = encoder, decoder
        self.kind = encoder.kind
        self.period = period
        self._since_key = period
        self.loop = loop

    def code(self, image: Image, mask: Image, *, key: bool = False) -> Made:
        """The next picture; all as in `Encoder.encode`. Raises CodingError; then another stream is to be begun."""
        key = key or self._since_key >= self.period
        quantiser = self.loop.choose(key=key)
        coded = self._encoder.encode(image, mask, quantiser, key=key)
        self._since_key = 1 if coded.key else self._since_key + 1
        return Made(coded, self._decoder.decode(coded.data), quantiser)

    def region(self, image: Image) -> Image:
        """uint8 [H, W], 255 where the encoder's own head finds people in uint8 [H, W, 3] BGR."""
        assert isinstance(self._encoder, Finding)
        return self._encoder.people(image)

    def close(self) -> None:
        self._encoder.close()
        self._decoder.close()


class Simulation:
    """No coder: pictures with the noise that others show in the place of coding. Makes no bytes."""

    kind = "semantic"
    period = 1

    def __init__(self, simulate: Callable[[Image, Image, float], Image], ratio: Callable[[], float]) -> None:
        """`simulate` makes the picture of a picture, its mask and a ratio; `ratio` is the present one."""
        self._simulate, self._ratio = simulate, ratio
        self.loop: Loop = Fixed(math.nan, math.nan)

    def code(self, image: Image, mask: Image, *, key: bool = False) -> Made:
        decoded = self._simulate(image, mask, self._ratio())
        return Made(Coded(b"", True), decoded, Quantiser(math.nan, math.nan))

    def region(self, image: Image) -> Image:
        raise NotImplementedError

    def close(self) -> None:
        """It holds nothing."""
