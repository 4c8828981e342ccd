"""The memory of a recurrent matting network as arrays of a fixed layout; knows no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.base import Memory, MemoryLayout, ModelError

LONG_SIDE = 512  # pixels of what the network looks at, unless another share is asked for: as its authors advise
STATES = 4
# Floats that the four states take for each pixel that the network looks at, at strides 2, 4, 8 and 16. The published
# networks have 16, 20, 40, 64 channels there (MobileNetV3), or 16, 32, 64, 128 (ResNet50); these leave room for others.
CHANNELS = (32, 64, 128, 256)

State = tuple[NDArray[np.float32], ...]


def ratio_for(height: int, width: int, wanted: float | None = None) -> float:
    """The share of a picture's sides that the network looks at: as wanted, else such that the long one has LONG_SIDE
    pixels, never more than there are."""
    return wanted or min(LONG_SIDE / max(height, width), 1.0)


def memory(height: int, width: int, ratio: float | None = None) -> MemoryLayout:
    """`shapes`: of the four states, [1, C, h, w] each, all 0 where there is none yet; `floats`: one after the other."""
    share = ratio_for(height, width, ratio)
    tall, wide = int(height * share) + 1, int(width * share) + 1
    room = sum(channels * -(-tall // (2 << at)) * -(-wide // (2 << at)) for at, channels in enumerate(CHANNELS))
    return {"shapes": ((STATES, 4), "i8"), "floats": ((room,), "f4")}


def recall(before: Memory) -> State | None:
    """The four states; None where there are none yet."""
    if not before["shapes"].any():
        return None
    states, at = [], 0
    for shape in before["shapes"].tolist():
        count = int(np.prod(shape))
        states.append(before["floats"][at : at + count].reshape(shape))
        at += count
    return tuple(states)


def keep(states: State, after: Memory) -> None:
    """Write all four. Raises ModelError where they are no four of four dimensions each, or find no room."""
    shapes = [state.shape for state in states]
    if len(shapes) != STATES or any(len(shape) != 4 for shape in shapes):
        raise ModelError(f"a matting network has {STATES} states of 4 dimensions, this one {shapes}")
    room, needed = after["floats"].size, sum(state.size for state in states)
    if needed > room:
        raise ModelError(f"the states of this network take {needed} numbers, there is room for {room}: {shapes}")
    after["shapes"][:] = shapes
    at = 0
    for state in states:
        after["floats"][at : at + state.size] = state.ravel()
        at += state.size
