"""Warming up: how long a network takes for a picture once it is steady; knows no network."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from models.base import Image


def slowest_step(run: Callable[[Image], object], height: int, width: int) -> float:
    """Run on grey pictures until steady; return the seconds of the slowest step after the first."""
    image, seconds = np.full((height, width, 3), 127, np.uint8), []
    for _ in range(3):
        started = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - started)
    return max(seconds[1:])
