"""A constant-velocity filter for the four edges of many boxes at once; knows no picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PLACE = 1 / 20  # of the box's shorter side: how well a detector places an edge (standard deviation)
PUSH = 1 / 60  # of the same, each frame: how an edge's speed may change

AT, SPEED, VAR_AT, BOTH, VAR_SPEED = range(5)  # of the last axis: pixels, pixels per frame, and their covariance


def begin(boxes: Floats) -> Floats:
    """Filters [N, 4, 5] for boxes [N, 4] seen once: where the edges are is known, their speed is not.

    Edges instead of centre and size: who leaves the picture has one edge that stays at the border and one that goes on
    until there is nothing left between them.
    """
    state = np.zeros((*boxes.shape, 5))
    spread = _scale(boxes)
    state[..., AT] = boxes
    state[..., VAR_AT] = (PLACE * spread) ** 2
    state[..., VAR_SPEED] = (PLACE * spread * 2) ** 2
    return state


def predict(state: Floats, frames: float) -> None:
    """Go on by so many frames, in place."""
    push = (PUSH * _scale(state[..., AT])) ** 2 * frames
    state[..., AT] += state[..., SPEED] * frames
    state[..., VAR_AT] += 2 * frames * state[..., BOTH] + frames**2 * state[..., VAR_SPEED] + push
    state[..., BOTH] += frames * state[..., VAR_SPEED]
    state[..., VAR_SPEED] += push


def correct(state: Floats, boxes: Floats) -> None:
    """Take in where the edges [N, 4] were seen, in place."""
    noise = (PLACE * _scale(boxes)) ** 2
    total = state[..., VAR_AT] + noise
    gain, gain_speed = state[..., VAR_AT] / total, state[..., BOTH] / total
    off = boxes - state[..., AT]
    state[..., AT] += gain * off
    state[..., SPEED] += gain_speed * off
    state[..., VAR_SPEED] -= gain_speed * state[..., BOTH]
    state[..., BOTH] -= gain * state[..., BOTH]
    state[..., VAR_AT] -= gain * state[..., VAR_AT]


def velocity(state: Floats, width: int, height: int) -> Floats:
    """Of the whole thing [N, 2], pixels per frame: an edge that the picture cuts off has no say."""
    sides = []
    for axis, most in enumerate((width, height)):
        low, high = state[:, axis], state[:, axis + 2]
        cut_low, cut_high = low[:, AT] <= 2, high[:, AT] >= most - 2
        mean = (low[:, SPEED] + high[:, SPEED]) / 2
        free = np.where(cut_low & ~cut_high, high[:, SPEED], np.where(cut_high & ~cut_low, low[:, SPEED], mean))
        sides.append(free)
    return np.stack(sides, -1)


def _scale(boxes: Floats) -> Floats:
    """The shorter side of boxes [N, 4], at least 4 pixels, as [N, 1]."""
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return np.maximum(sides, 4.0)[:, None]
