"""The neural coder: pictures to packets and back; encoder and decoder draw pictures by the very same steps."""

from __future__ import annotations

from fractions import Fraction

from models.base import Image
from models.codec_choosing import choose_plan
from models.codec_drawing import Drawing, padded
from models.codec_entropy import Reader, Writer
from models.codec_loading import Loaded, load
from models.codec_picture import Past, code_guess, code_numbers
from models.codec_simulated import simulate
from models.codec_steps import BLOCK, matters, rounded
from models.codec_stream import NUMBERS, Packet, check_size, packed, unpacked
from models.coding import Coded, CodingError, Quantiser

__all__ = ["NeuralDecoder", "NeuralEncoder", "simulate"]

KEYS = 10  # seconds between pictures that can be decoded without those before


class NeuralEncoder:
    """Follows `models.coding.Encoder`. What it holds of the pictures before is what a decoder holds."""

    kind = "semantic"

    def __init__(
        self, width: int, height: int, rate: Fraction | float = 25, *, weights_file: str | None = None,
        device: str = "cpu", keys: float = KEYS, loaded: Loaded | None = None,
    ) -> None:  # fmt: skip
        """`rate`: pictures a second; `keys`: seconds between key pictures. Raises ModelError, and CodingError for a
        size that no stream has."""
        check_size(width, height)
        self._loaded = loaded or load(weights_file, device)
        self.info = self._loaded.info
        self._drawing = Drawing(self._loaded.network, self._loaded.device)
        self._width, self._height = width, height
        self._interval = max(round(keys * rate), 1)
        self._number = self._since = 0
        self._past: Past | None = None

    def encode(self, image: Image, mask: Image, quantiser: Quantiser, *, key: bool = False) -> Coded:
        """See `models.coding.Encoder`."""
        key = key or self._past is None or self._since >= self._interval
        past = None if key else self._past
        levels = rounded(quantiser)
        whole = padded(image)
        guess, prediction = choose_plan(whole, matters(mask), past, levels)
        guess, numbers = self._drawing.numbers(whole, prediction, guess, levels)
        writer = Writer(self._loaded.models)
        guess, prediction = code_guess(writer, guess, guess.plan.shape, past, levels)
        code_numbers(writer, numbers, guess.plan)
        self._past = Past(self._drawing.drawn(prediction, guess.plan, numbers, levels), guess.plan)
        packet = Packet(key, self._number, self._loaded.number, self._width, self._height, *levels, writer.data())
        self._number, self._since = (self._number + 1) % NUMBERS, 1 if key else self._since + 1
        return Coded(packed(packet), key)

    def picture(self) -> Image:
        """What a decoder makes of the last packet, uint8 [H, W, 3] BGR. Raises CodingError before the first."""
        if self._past is None:
            raise CodingError("nothing was coded yet")
        return self._past.image[: self._height, : self._width]

    def people(self, image: Image) -> Image:
        """The head's own mask of people, uint8 [H, W] of 0 and 255. Raises FloatingPointError."""
        return self._drawing.people(padded(image))[: self._height, : self._width]

    def close(self) -> None:
        """Forget the pictures before."""
        self._past = None


class NeuralDecoder:
    """Follows `models.coding.Decoder`."""

    def __init__(self, *, weights_file: str | None = None, device: str = "cpu", loaded: Loaded | None = None) -> None:
        """Raises ModelError."""
        self._loaded = loaded or load(weights_file, device)
        self.info = self._loaded.info
        self._drawing = Drawing(self._loaded.network, self._loaded.device)
        self._past: Past | None = None
        self._next = 0
        self._size = 0, 0

    def decode(self, data: bytes) -> Image:
        """See `models.coding.Decoder`."""
        past, self._past = self._past, None  # whatever is wrong, what follows cannot build on it
        packet = unpacked(data)
        self._check(packet, past)
        past = None if packet.key else past
        shape = -(-packet.height // BLOCK), -(-packet.width // BLOCK)
        levels = packet.region, packet.background
        reader = Reader(self._loaded.models, packet.symbols)
        guess, prediction = code_guess(reader, None, shape, past, levels)
        numbers = code_numbers(reader, None, guess.plan)
        try:
            image = self._drawing.drawn(prediction, guess.plan, numbers, levels)
        except FloatingPointError as error:  # of numbers that no encoder sends
            raise CodingError(f"picture {packet.number}: {error}") from error
        self._past, self._next = Past(image, guess.plan), (packet.number + 1) % NUMBERS
        self._size = packet.width, packet.height
        return image[: packet.height, : packet.width]

    def close(self) -> None:
        """Forget the pictures before."""
        self._past = None

    def _check(self, packet: Packet, past: Past | None) -> None:
        """Raise CodingError where the packet is of other networks, or builds on a picture that is not there."""
        if packet.model != self._loaded.number:
            raise CodingError(f"coded by other networks ({packet.model:04x}) than these ({self._loaded.number:04x})")
        if packet.key:
            return
        if past is None:
            raise CodingError(f"picture {packet.number} builds on one that is not there; next: its key picture")
        if packet.number != self._next:
            raise CodingError(f"picture {packet.number} follows where {self._next} should; next: its key picture")
        if (packet.width, packet.height) != self._size:
            raise CodingError(f"{packet.width}x{packet.height} pixels after {self._size[0]}x{self._size[1]}")
