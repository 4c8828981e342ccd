"""What is done with each block of 16 pixels a side: left as predicted, corrected, or said anew; and which matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.codec_entropy import Port, Symbols
from models.codec_numbers import NEIGHBOURS

KEPT, CORRECTED, FRESH = 0, 1, 2
KINDS = 5  # kept, or one of the others outside or inside the region
SHAPES = {"plan": (4 * 3 * 6, KINDS), "plan.key": (6, 2)}
_AROUND = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3], np.int32)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kinds` int32 [h, w] of KEPT, CORRECTED, FRESH; `region` bool [h, w] (of what is kept: as it was)."""

    kinds: Symbols
    region: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks: rows, columns."""
        rows, columns = self.kinds.shape
        return rows, columns

    @property
    def coded(self) -> NDArray[np.bool_]:
        """Of which blocks are numbers sent?"""
        return np.asarray(self.kinds != KEPT)


def code_plan(port: Port, plan: Plan | None, shape: tuple[int, int], before: Plan | None) -> Plan:
    """The plan of a picture of [h, w] blocks; `before`: that of the one before, None for a key picture."""
    result, rim = np.zeros(shape, np.int32), np.zeros((shape[0] + 2, shape[1] + 2), np.int32)
    wanted = None if plan is None else _symbols(plan, key=before is None)
    past = None if before is None else _past(before)
    rows, columns = np.indices(shape)
    for parity in (0, 1):
        fields = (rows + columns) % 2 == parity
        y, x = np.nonzero(fields)
        near = sum(rim[y + 1 + down, x + 1 + right] for down, right in NEIGHBOURS)
        context = np.asarray(near if parity == 0 else np.asarray(near) + 1, np.int32)
        if past is not None:
            context = past[y, x] * 6 + context
        found = port.code("plan.key" if past is None else "plan", context, None if wanted is None else wanted[y, x])
        result[y, x] = found
        rim[y + 1, x + 1] = found != 0
    return _plan(result, before)


def _past(before: Plan) -> Symbols:
    """How busy each block's surroundings were, and what it was itself."""
    busy = np.pad(before.coded, 1).astype(np.int32)
    rows, columns = before.shape
    around = sum(busy[y : y + rows, x : x + columns] for y in range(3) for x in range(3))
    itself = np.where(before.coded, 1 + before.region, 0)
    return np.asarray(_AROUND[np.asarray(around)] * 3 + itself, np.int32)


def _symbols(plan: Plan, *, key: bool) -> Symbols:
    if key:
        return plan.region.astype(np.int32)
    return np.where(plan.coded, 2 * plan.kinds - 1 + plan.region, 0).astype(np.int32)


def _plan(symbols: Symbols, before: Plan | None) -> Plan:
    if before is None:
        return Plan(np.full(symbols.shape, FRESH, np.int32), symbols == 1)
    kinds = (symbols + 1) // 2
    return Plan(kinds.astype(np.int32), np.where(symbols == 0, before.region, symbols % 2 == 0))
