"""The numbers that make the network of `infill` what it is, for whatever runs it; no library of networks is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

FINE, MIDDLE, DEEP = 48, 96, 192  # channels at a half, a quarter and an eighth of the size
GLOBAL = DEEP // 2  # of the deep ones, also mixed frequency by frequency
BLOCKS = 6
ASKED, CARRIED = 64, 24  # channels by which places are compared; of the detail that is carried
CELL = 8  # pixels a side of a place
STRETCH = CELL // 2  # of its detail, at half the size
SHARP = 30.0  # by which likeness is multiplied, at first
UNKNOWN = 30.0  # by which a place counts as less alike for being all hole
GAIN = 0.2  # of a block's answer, at first
LITTLE = 0.1  # of the whole's, which is added to the membrane
SPREAD = 0.4  # standard deviation of the colours that it is shown
USUAL = 0.2  # of those of a picture, 0..1
MEMORY = 0.01  # share of a batch in what the norms remember, as long as they learn
SLOPE = 0.1  # of what is below 0: a unit that is never above it would learn nothing more

# The membranes
LEVELS = 5  # of halving: sides are multiples of 32
SATURATION = 4.0  # how much of a coarse pixel must be known for it to count as known: a quarter
ROUNDS = (2, 4, 8, 8, 8, 8)  # of relaxing at each level, the finest first
FLATTEST = 1e-3  # deviation: below it there is nothing to see
LEAST = 1e-6  # of a weight, below which nothing is known
# How much each neighbour draws: alike, then mostly along the rows, the columns and both diagonals.
ALIKE = ((0.0, 0.25, 0.0), (0.25, 0.0, 0.25), (0.0, 0.25, 0.0))
ROWS = ((0.0, 0.05, 0.0), (0.45, 0.0, 0.45), (0.0, 0.05, 0.0))
COLUMNS = ((0.0, 0.45, 0.0), (0.05, 0.0, 0.05), (0.0, 0.45, 0.0))
FALLING = ((0.4, 0.05, 0.0), (0.05, 0.0, 0.05), (0.0, 0.05, 0.4))
RISING = ((0.0, 0.05, 0.4), (0.05, 0.0, 0.05), (0.4, 0.05, 0.0))
DIRECTIONS = (ALIKE, ROWS, COLUMNS, FALLING, RISING)
WAYS = len(DIRECTIONS)
COLOURS = 3 * WAYS  # channels of all membranes
PREFERRED = 2.0  # by which the first of them is, at first
FAINT = -2.0  # of the texture that is carried, before a sigmoid, at first
SEEN = 2 * FINE + CARRIED + 4 * (3 + 3)  # channels from which the answer is made
LEFT = 3 + (WAYS + 1) + 1  # what is invented; shares of the membranes and of carried colours; of carried texture

Weights = Mapping[str, NDArray[np.float32]]
"""By their names in the state dict of `models.infill_network.InfillNetwork`."""


def _convolutions() -> Iterator[tuple[str, int, int, int]]:
    """Name, channels in and out, and side of each convolution."""
    yield "enter", 4 * (COLOURS + 1), FINE, 3
    yield "fine", FINE, FINE, 3
    yield "to_middle", FINE, MIDDLE, 3
    yield "middle", MIDDLE, MIDDLE, 3
    yield "to_deep", MIDDLE, DEEP, 3
    for number in range(BLOCKS):
        yield f"blocks.{number}.near", DEEP, DEEP, 3
        yield f"blocks.{number}.mixing", 2 * GLOBAL, 2 * GLOBAL, 1
        yield f"blocks.{number}.after", DEEP, DEEP, 1
    yield "carrying.asking", DEEP, ASKED, 1
    yield "carrying.asked", DEEP, ASKED, 1
    yield "carrying.detail", FINE, CARRIED, 1
    yield "from_deep", DEEP, 4 * MIDDLE, 1
    yield "join_middle", 2 * MIDDLE, MIDDLE, 3
    yield "again_middle", MIDDLE, MIDDLE, 3
    yield "from_middle", MIDDLE, 4 * FINE, 1
    yield "join_fine", SEEN, FINE, 3
    yield "leave", FINE, 4 * LEFT, 3


SHAPES: dict[str, tuple[int, ...]] = {
    "carrying.sharp": (),
    **{f"{name}.weight": (outputs, inputs, side, side) for name, inputs, outputs, side in _convolutions()},
    **{f"{name}.bias": (outputs,) for name, _, outputs, _ in _convolutions()},
}
