"""What blocks without a predecessor are predicted from: the means of blocks, told without loss after rounding, as a
smooth picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.codec_entropy import Port, Symbols
from models.codec_steps import BLOCK, step

COMMON = 39  # what is told by a table; beyond, plainly
PLAIN = 1024
STEPS = (2, 4, 8)  # grey levels to which a mean is rounded
SHAPES = {"thumbnail": (3 * len(STEPS), COMMON + 1)}


def rounding(level: int) -> int:
    """Which of STEPS goes with a quantiser, in quarters."""
    return int(np.clip(np.round(np.log2(step(level) / 8)) + 1, 0, len(STEPS) - 1))


def means(image: Image) -> Symbols:
    """Of each block: int32 [H / 16, W / 16, 3], in whole numbers, so the same on any machine."""
    height, width = image.shape[:2]
    rows = np.add.reduceat(image, np.arange(0, height, BLOCK), axis=0, dtype=np.int32)
    return np.asarray((np.add.reduceat(rows, np.arange(0, width, BLOCK), axis=1) + 128) >> 8, np.int32)


def rounded(colours: Symbols, kind: int) -> Symbols:
    """Means as whole numbers of steps: green, then what blue and red differ from what is told of it."""
    size = STEPS[kind]
    green = (colours[..., 1:2] + size // 2) // size
    others = (colours[..., [0, 2]] - green * size + size // 2) // size
    return np.concatenate([green, others], -1)


def drawn(thumbnail: Symbols, kind: int) -> Image:
    """The smooth picture, uint8 [H, W, 3], of rounded means; interpolated in whole numbers."""
    told = thumbnail * STEPS[kind]
    green = told[..., :1]
    colours = np.concatenate([told[..., 1:2] + green, green, told[..., 2:] + green], -1)
    small = colours.clip(0, 255).astype(np.uint8)
    size = small.shape[1] * BLOCK, small.shape[0] * BLOCK
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR_EXACT))


def code_thumbnail(port: Port, wanted: Symbols | None, known: Symbols, fresh: NDArray[np.bool_], kind: int) -> Symbols:
    """The rounded means [h, w, 3]: as `known` where they are, and where `fresh` [h, w] those that are told."""
    rests = None if wanted is None else _folded((wanted - _guessed(wanted))[fresh]).ravel()
    contexts = np.tile(np.arange(3, dtype=np.int32) + 3 * kind, int(fresh.sum()))
    low = port.code("thumbnail", contexts, None if rests is None else np.minimum(rests, COMMON))
    large = low == COMMON
    above = port.plain(PLAIN, int(large.sum()), None if rests is None else rests[large] - COMMON)
    rests = low.copy()
    rests[large] += above
    told = np.zeros_like(known)
    told[fresh] = _unfolded(rests).reshape(-1, 3)
    return _filled(known, told, fresh)


def _filled(known: Symbols, rests: Symbols, fresh: NDArray[np.bool_]) -> Symbols:
    """Means from what they differ by, one diagonal after another: what each is guessed from is there by then."""
    rows, columns = fresh.shape
    result = np.zeros((rows + 1, columns + 1, 3), np.int32)
    result[1:, 1:] = known
    y, x = np.nonzero(fresh)
    order = np.argsort(x + y, kind="stable")
    y, x = y[order], x[order]
    starts = np.flatnonzero(np.diff(x + y, prepend=-1))
    for part in np.split(np.arange(len(x)), starts[1:]):
        rows_, columns_ = y[part], x[part]
        guess = _guess(result[rows_ + 1, columns_], result[rows_, columns_ + 1], result[rows_, columns_])
        result[rows_ + 1, columns_ + 1] = guess + rests[rows_, columns_]
    return result[1:, 1:]


def _guessed(thumbnail: Symbols) -> Symbols:
    wide = np.pad(thumbnail, ((1, 0), (1, 0), (0, 0)))
    return _guess(wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1])


def _guess(left: Symbols, above: Symbols, corner: Symbols) -> Symbols:
    """The median of left, above and the plane through all three (as LOCO-I does, Weinberger et al., 2000)."""
    low, high = np.minimum(left, above), np.maximum(left, above)
    return np.clip(left + above - corner, low, high)


def _folded(numbers: Symbols) -> Symbols:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def _unfolded(numbers: Symbols) -> Symbols:
    return np.where(numbers % 2 == 1, -(numbers + 1) // 2, numbers // 2)
