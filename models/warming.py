"""Warming up: how long a network takes for a picture once it is steady; knows no network."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from models.base import Image, Matter, MemoryLayout


def slowest_step(run: Callable[[Image], object], height: int, width: int) -> float:
    """Run on grey pictures until steady; return the seconds of the slowest step after the first."""
    image, seconds = np.full((height, width, 3), 127, np.uint8), []
    for _ in range(3):
        started = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - started)
    return max(seconds[1:])


def rehearse(matter: Matter, layout: MemoryLayout, height: int, width: int) -> float:
    """The same for a matting model, frame after frame, with a mask of a part of the picture."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 :, width // 3 : width // 2] = 255
    alpha, colours = np.empty_like(mask), np.empty((height, width, 3), np.uint8)
    turns = [{name: np.zeros(shape, kind) for name, (shape, kind) in layout.items()} for _ in range(2)]

    def run(image: Image) -> None:
        matter.matte(image, mask, turns[0], turns[1], alpha, colours)
        turns.reverse()

    run(np.full((height, width, 3), 127, np.uint8))  # TorchScript compiles what it has seen in the first two frames
    return slowest_step(run, height, width)
