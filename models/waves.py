"""The matrices of the two-dimensional Fourier transform of real pictures, orthonormal; numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def matrices(height: int, width: int) -> tuple[Floats, Floats, Floats]:
    """For pictures of one size: `wide` [W, 2 K] and `tall` [2 H, 2 H] transform, K = W // 2 + 1; `tall` transposed and
    `narrow` [2 K, W] transform back. See `models.lama_fourier`, which uses them."""
    half = width // 2 + 1
    cosines, sines = (part[:, :half] for part in _waves(width))
    # Of a real signal's waves all but the first, and the last of an even length, stand for two.
    twice = np.where(np.arange(half) * 2 % width != 0, 2.0, 1.0)[:, None]
    wide = np.concatenate([cosines, -sines], 1)
    narrow = np.concatenate([cosines.T * twice, -sines.T * twice])
    cosines, sines = _waves(height)
    tall = np.block([[cosines, sines], [-sines, cosines]])
    return wide.astype(np.float32), tall.astype(np.float32), narrow.astype(np.float32)


def _waves(length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines and sines [length, length] of all frequencies."""
    steps = np.arange(length)
    turns = np.outer(steps, steps) % length * (2 * np.pi / length)  # below one turn: exact at any length
    return np.cos(turns) / np.sqrt(length), np.sin(turns) / np.sqrt(length)
