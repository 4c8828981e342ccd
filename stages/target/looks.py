"""Looks: what somebody looks like, as colours of the whole and of its upper and lower half; knows no place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

LEVELS = 10  # of lightness, and of each colour axis
SPREAD = 7.0  # levels of a and b per bin: most colours of a video lie within 35 of grey
BINS = LEVELS**3
SHAPE = (3, BINS)  # whole, upper half, lower half

Look = NDArray[np.float32]


def look_of(lab: Image, mask: Image) -> Look:
    """float32 [3, BINS]: square roots of shares, so that a product of two looks is their Bhattacharyya coefficient.

    `lab` is uint8 [h, w, 3] (CIE Lab as OpenCV scales it) around one thing, `mask` uint8 [h, w], not 0 where it is."""
    rows, columns = np.nonzero(mask)
    found = np.zeros(SHAPE, np.float32)
    if not len(rows):
        return found
    codes = _codes(lab[rows, columns])
    upper = rows < (rows[0] + rows[-1] + 1) / 2  # nonzero goes row by row
    for part, chosen in enumerate((codes, codes[upper], codes[~upper])):
        counts = np.bincount(chosen, minlength=BINS).astype(np.float32)
        found[part] = np.sqrt(_smooth(counts) / max(1, len(chosen)))
    return found


def likeness(one: Look, other: Look) -> float:
    """0: no colour in common, 1: the same. The whole counts as much as both halves."""
    whole, upper, lower = (one * other).sum(1)
    return float(min(1.0, 0.5 * whole + 0.25 * (upper + lower)))


def blend(old: Look, new: Look, rate: float) -> Look:
    """The old one drawn towards the new one by `rate`."""
    return np.sqrt((1 - rate) * old**2 + rate * new**2)


def _codes(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    light = colours[:, 0].astype(np.int64) * LEVELS // 256
    tints = np.clip((colours[:, 1:].astype(np.float32) - 128) / SPREAD + LEVELS / 2, 0, LEVELS - 1).astype(np.int64)
    return (light * LEVELS + tints[:, 0]) * LEVELS + tints[:, 1]


def _smooth(counts: Look) -> Look:
    """A sixth to either neighbour on each axis: a little more light is not another person."""
    cube = counts.reshape(LEVELS, LEVELS, LEVELS)
    for axis in range(3):
        padded = np.pad(cube, [(1, 1) if at == axis else (0, 0) for at in range(3)], mode="edge")
        low, high = (np.take(padded, range(at, at + LEVELS), axis) for at in (0, 2))
        cube = (low + 4 * cube + high) / 6
    return cube.reshape(-1)
