"""What every engine promises to whoever calls it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor, nn

from models.base import Image
from models.letterbox import LEAST, STEP


class Engine(Protocol):
    """Executes one network on one canvas at a time, or on several where `several` says that it can.

    `name` is `torch`, `openvino` or `onnxruntime`; `device` and `precision` say what really runs (`cpu`, `bfloat16`);
    `note` says in one line why a faster engine was passed over, empty where none was.
    """

    name: str
    device: str
    precision: str
    note: str
    several: bool

    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        """uint8 [H, W, 3] BGR, sides multiples of 32, at least 64, in; the network's outputs, batch 1, out. A network
        may take another number of channels: it gets them in reverse order, as it gets RGB. Several: [B, H, W, 3].

        The outputs lie on the engine's device in a format of its choice and are valid until the next call: copy to
        keep. They may hold values that are not finite; to look is the caller's part. Raises ValueError for another
        canvas.
        """
        ...


def channels_of(network: nn.Module) -> int:
    """Of the canvas that a network takes: three, unless it says otherwise."""
    return int(getattr(network, "channels", 3))


def check_canvas(canvas: Image, channels: int = 3) -> tuple[int, int]:
    """Height and width of a canvas that a network can take. Raises ValueError."""
    height, width = canvas.shape[:2]
    if canvas.dtype != np.uint8 or canvas.shape[2:] != (channels,) or height % STEP or width % STEP:
        raise ValueError(
            f"{canvas.shape = }, {canvas.dtype}: must be uint8 [H, W, {channels}], sides multiples of {STEP}"
        )
    if min(height, width) < LEAST:
        raise ValueError(f"{canvas.shape = }: either side must be at least {LEAST}")
    return height, width


def first_line(error: Exception) -> str:
    """What went wrong, in one line: compilers' messages run over pages."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
