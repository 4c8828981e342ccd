"""How coarsely each block is rounded: from quantisers and a mask to steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.coding import COARSEST, FINEST, Quantiser

PARTS = 4  # of a unit of the quantiser: what is sent is a whole number of them
UNIT = 0.625  # the step of quantiser 0, in grey levels, as H.264 has it
BLOCK = 16  # pixels a side
COVERED = 8  # pixels of a block that make it count as one that matters

Levels = NDArray[np.uint8]
"""Quantisers in quarters, 0..204: of each block [H / 16, W / 16], or of the region and the background."""


def rounded(quantiser: Quantiser) -> tuple[int, int]:
    """Region's and background's, in quarters."""
    values = (quantiser.region, quantiser.background)
    region, background = (round(min(max(value, FINEST), COARSEST) * PARTS) for value in values)
    return region, background


def step(levels: NDArray[np.generic] | int) -> NDArray[np.float32]:
    """Grey levels of an orthonormal transform; six whole units double it."""
    whole = np.asarray(levels, np.float64)
    return (UNIT * 2 ** (whole / (6 * PARTS))).astype(np.float32)


def matters(mask: Image) -> NDArray[np.bool_]:
    """Which blocks [ceil(H / 16), ceil(W / 16)] hold enough of the mask, uint8 [H, W]."""
    height, width = mask.shape
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    whole = np.zeros((rows * BLOCK, columns * BLOCK), np.uint8)
    whole[:height, :width] = mask > 127
    covered = whole.reshape(rows, BLOCK, columns, BLOCK).sum((1, 3), dtype=np.int64)
    return np.asarray(covered >= COVERED)
