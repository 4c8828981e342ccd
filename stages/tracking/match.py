"""Which box goes on from which: overlaps, and pairs by the largest overlap first; knows no picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def swell(boxes: Floats, share: Floats | float) -> Floats:
    """Boxes [N, 4] larger on every side by that share of their own sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    more = np.maximum(sides, 0) * np.broadcast_to(np.asarray(share, float).reshape(-1, 1), (len(boxes), 1))
    return np.concatenate((boxes[:, :2] - more, boxes[:, 2:] + more), 1)


def areas(boxes: Floats) -> Floats:
    """Of boxes [N, 4]; 0 for one that is turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    product: Floats = sides[:, 0] * sides[:, 1]
    return product


def intersections(ones: Floats, others: Floats) -> Floats:
    """Areas [N, M] that boxes [N, 4] and [M, 4] have in common."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(high - low, 0)
    product: Floats = sides[..., 0] * sides[..., 1]
    return product


def overlaps(ones: Floats, others: Floats) -> Floats:
    """Intersection over union [N, M]."""
    common = intersections(ones, others)
    union = areas(ones)[:, None] + areas(others)[None] - common
    share: Floats = common / np.maximum(union, 1e-9)
    return share


def pairs(gain: Floats, least: float) -> list[tuple[int, int]]:
    """Rows and columns of `gain` [N, M], each at most once, the largest first, none below `least`."""
    found: list[tuple[int, int]] = []
    rows, columns = np.nonzero(gain >= least)
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for at in np.argsort(-gain[rows, columns], kind="stable"):
        row, column = int(rows[at]), int(columns[at])
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            found.append((row, column))
    return found
