"""Crops with a hole whose truth is known, for the measures of inpainting."""

from __future__ import annotations

import numpy as np

from benchmarks.infill_cases import Case


def square(size: int = 96, edge: int = 24) -> np.ndarray:
    """A hole uint8 [size, size], that far from every side."""
    hole = np.zeros((size, size), np.uint8)
    hole[edge:-edge, edge:-edge] = 255
    return hole


def flat(of: str, part: str = "0", ours: bool = True) -> Case:
    """A crop of one grey, which nothing hides."""
    truth = np.full((64, 64, 3), 100, np.uint8)
    return Case(of, part, truth.copy(), square(64, 16), truth, ours)
