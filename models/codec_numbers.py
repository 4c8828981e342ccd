"""How the numbers of both levels are said: by groups of channels and like a chequerboard, each in the light of those
before it; in whole numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.codec_entropy import Port, Symbols

GROUP = 8  # channels
LARGEST = 15  # what is said of a size by its table; from there on, plainly
BITS = 15  # of what is above, at most
NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))
_BEFORE = np.array([0, 1, 2, 3, 3, 4, 4, 4, 5], np.int32)  # classes of the sum of the group before
_NEAR = np.array([0, 1, 2, 3, 3, 4], np.int32)  # and of that of the neighbours
_PLACE = np.array([0, 0, 1, 1, 2, 2, 2, 2], np.int32)  # of a channel in its group: the first ones are larger
CLASSES_BEFORE, CLASSES_NEAR, CLASSES_PLACE = 6, 5, 3


def shapes(groups: int) -> dict[str, tuple[int, int]]:
    """The tables that a level needs: of how many groups of a block are said, of sizes."""
    sizes = groups * 2 * CLASSES_BEFORE * CLASSES_NEAR * 2 * CLASSES_PLACE
    return {"groups": (2 * (groups + 1) * (groups + 1), groups + 1), "sizes": (sizes, LARGEST + 1)}


def code_level(
    port: Port, name: str, numbers: Symbols | None, shape: tuple[int, int, int], coded: NDArray[np.bool_],
    parents: Symbols,
) -> Symbols:  # fmt: skip
    """The numbers int32 [C, h, w] (`shape`) where `coded` [h, w], 0 elsewhere; `parents` int32 [h, w], 0 to C / 8: what
    is known of each block already. A reader is given None for numbers."""
    channels, height, width = shape
    count = _code_groups(port, name, _count(numbers), channels // GROUP, coded, parents)
    result = np.zeros((channels, height, width), np.int32)
    sizes = np.zeros((channels, height + 2, width + 2), np.int32)  # with a rim of nothing
    for group in range(channels // GROUP):
        part = slice(group * GROUP, (group + 1) * GROUP)
        before = _sum_before(sizes, group, parents)
        for parity, cells in enumerate(_boards(count > group)):
            contexts = _contexts(sizes[part], before, cells, parity, group, count)
            wanted = None if numbers is None else np.abs(numbers[part][:, cells[0], cells[1]]).ravel()
            found = _code_sizes(port, name, contexts, wanted).reshape(GROUP, -1)
            sizes[part, cells[0] + 1, cells[1] + 1] = found
        result[part] = sizes[part, 1:-1, 1:-1]
    return _code_signs(port, result, numbers)


def _count(numbers: Symbols | None) -> Symbols | None:
    """How many groups of each block hold anything, up to the last that does."""
    if numbers is None:
        return None
    channels, height, width = numbers.shape
    there = (numbers != 0).reshape(channels // GROUP, GROUP, height, width).any(1)
    last = np.arange(1, channels // GROUP + 1, dtype=np.int32)[:, None, None]
    return np.asarray((there * last).max(0), np.int32)


def _code_groups(
    port: Port, name: str, count: Symbols | None, groups: int, coded: NDArray[np.bool_], parents: Symbols
) -> Symbols:
    result = np.zeros(coded.shape, np.int32)
    rim = np.zeros((coded.shape[0] + 2, coded.shape[1] + 2), np.int32)
    for parity, (rows, columns) in enumerate(_boards(coded)):
        near = sum(rim[rows + 1 + y, columns + 1 + x] for y, x in NEIGHBOURS)
        mean = (np.asarray(near, np.int32) + 2) // 4
        contexts = (parity * (groups + 1) + parents[rows, columns]) * (groups + 1) + mean
        wanted = None if count is None else count[rows, columns]
        found = port.code(f"{name}.groups", contexts.astype(np.int32), wanted)
        result[rows, columns] = found
        rim[rows + 1, columns + 1] = found
    return result


def _boards(coded: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of the white fields, and of the black, that are coded."""
    rows, columns = np.nonzero(coded)
    white = (rows + columns) % 2 == 0
    return [(rows[white], columns[white]), (rows[~white], columns[~white])]


def _sum_before(sizes: Symbols, group: int, parents: Symbols) -> Symbols:
    """What is known of a block from the group before, [h, w]; of the first: from its parents."""
    if group == 0:
        return np.asarray(np.minimum(parents, len(_BEFORE) - 1))
    part = sizes[(group - 1) * GROUP : group * GROUP, 1:-1, 1:-1]
    return np.asarray(np.minimum(part.sum(0, dtype=np.int32), len(_BEFORE) - 1))


def _contexts(
    sizes: Symbols, before: Symbols, cells: tuple[NDArray[np.intp], NDArray[np.intp]], parity: int, group: int,
    count: Symbols,
) -> Symbols:  # fmt: skip
    """Of each channel of the group and each cell, [8 * N]."""
    rows, columns = cells
    near = np.zeros((GROUP, len(rows)), np.int32)
    if parity:
        for y, x in NEIGHBOURS:
            near += sizes[:, rows + 1 + y, columns + 1 + x]
    else:  # of this group nothing is known yet: whether it is far from the last one tells as much
        near[:] = np.minimum(count[rows, columns] - group - 1, len(_NEAR) - 1)
    last = (count[rows, columns] == group + 1).astype(np.int32)
    context = (group * 2 + parity) * CLASSES_BEFORE + _BEFORE[before[rows, columns]]
    context = context * CLASSES_NEAR + _NEAR[np.minimum(near, len(_NEAR) - 1)]
    context = (context * 2 + last) * CLASSES_PLACE + _PLACE[:, None]
    return np.asarray(context, np.int32).ravel()


def _code_sizes(port: Port, name: str, contexts: Symbols, wanted: Symbols | None) -> Symbols:
    """Sizes of numbers; what is above the table by its count of bits, then those."""
    low = port.code(f"{name}.sizes", contexts, None if wanted is None else np.minimum(wanted, LARGEST))
    large = np.flatnonzero(low == LARGEST)
    if not len(large):
        return low
    above = None if wanted is None else wanted[large] - LARGEST + 1
    lengths = None if above is None else np.floor(np.log2(above)).astype(np.int32)
    lengths = port.plain(BITS, len(large), lengths)
    result = low.copy()
    for length in range(BITS):
        chosen = lengths == length
        rest = None if above is None else above[chosen] - (1 << length)
        rest = port.plain(1 << length, int(chosen.sum()), rest) if length else np.zeros(int(chosen.sum()), np.int32)
        result[large[chosen]] = rest + (1 << length) + LARGEST - 1
    return result


def _code_signs(port: Port, sizes: Symbols, numbers: Symbols | None) -> Symbols:
    places = sizes != 0
    negative = None if numbers is None else (numbers[places] < 0).astype(np.int32)
    negative = port.plain(2, int(places.sum()), negative)
    result = sizes.copy()
    result[places] = np.where(negative == 1, -sizes[places], sizes[places])
    return result
