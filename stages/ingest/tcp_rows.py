"""Rows: how long the rows of raw pictures are, and how many bytes a pixel has, as the bytes themselves tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

WINDOW = 1 << 17  # bytes of a picture that are looked at together
WINDOWS = 4  # spread over the picture
LONGEST = 1 << 16  # bytes: 16384 pixels of four
SHORTEST = 96
STEP = 12  # a whole number of pixels, whether they have 1, 2, 3, 4 or 6 bytes
PIECES, PIECE = 16, 1 << 14

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Rows:
    """What a block of bytes looks like: `length` is the distance in bytes after which it is most like itself, as one
    row is like the next, `likeness` how much (1: fully), `at_wanted` the same at the length that was asked for.
    `pixel` is the number of bytes after which colours come again."""

    length: int
    likeness: float
    at_wanted: float
    pixel: int


def rows_of(image: Image, wanted: int) -> Rows:
    """Look for the rows of what was received as `image`, uint8 [H, W, 3] or any block; `wanted`: bytes of a row."""
    block = image.reshape(-1)
    curve = likeness(block)
    least = min(SHORTEST, wanted // 2)
    if not curve.any() or wanted >= len(curve):
        return Rows(wanted, 0.0, 0.0, pixel_of(block))
    best = least + int(np.argmax(curve[least:]))
    return Rows(best, float(curve[best]), float(curve[wanted]), pixel_of(block))


def likeness(block: Bytes) -> Floats:
    """By distance in bytes, how like a block is to itself so much further on: the autocorrelation of its slopes.

    Levels say little, as they change slowly: slopes over STEP bytes are taken in their place. By the theorem of Wiener
    and Khinchin, from power spectra of windows that are filled up with zeros. All zero where the block has no slopes.
    """
    width = min(WINDOW, len(block))
    power: Floats = np.zeros(width + 1, np.float32)
    for start in np.linspace(0, len(block) - width, WINDOWS if len(block) > width else 1).astype(int):
        levels = block[start : start + width].astype(np.float32)
        spectrum = np.fft.rfft(levels[STEP:] - levels[:-STEP], 2 * width)
        power += spectrum.real**2 + spectrum.imag**2
    curve = np.fft.irfft(power)[: min(LONGEST + 1, width // 2)]
    if curve[0] <= 0:
        return np.zeros_like(curve)
    overlap = np.arange(width, width - len(curve), -1) / width  # far apart there is less to be compared
    made: Floats = curve / (curve[0] * overlap)
    return made


def pixel_of(block: Bytes) -> int:
    """How many bytes a pixel seems to have: 1 (a plane of luma, or grey), 2, 3 or 4; 0 where nothing tells.

    A byte is most like the next one of its own colour. Where the three colours of a pixel are one, every third step is
    larger than the others."""
    samples = _samples(block)
    apart = [0.0] + [float(np.abs(samples[:, lag:] - samples[:, :-lag]).mean()) for lag in range(1, 6)]
    if apart[2] < 0.7 * min(apart[1], apart[3]):
        return 2
    if apart[4] < 0.7 * min(apart[3], apart[5]):
        return 4
    if apart[3] < 0.95 * apart[2] and apart[3] < apart[4]:
        return 3
    steps = np.abs(np.diff(samples, axis=1))
    by_place = [float(steps[:, place::3].mean()) for place in range(3)]
    if max(by_place) > 1.2 * min(by_place):
        return 3
    return 1 if min(by_place) >= 1 and apart[1] < apart[2] < apart[3] else 0


def _samples(block: Bytes) -> NDArray[np.int16]:
    """Pieces from all over it, [N, PIECE] at most; each begins with a pixel, whatever pixels are."""
    piece = min(PIECE, len(block) // 2)
    starts = np.linspace(0, len(block) - piece, PIECES).astype(int)
    pieces: NDArray[np.uint8] = np.stack([block[start : start + piece] for start in starts - starts % STEP])
    return pieces.astype(np.int16)
