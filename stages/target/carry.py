"""Carry: moves the masks of the former picture to where their pixels have gone in this one; knows no detector."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

LEAST = 48  # pixels of a window's side: the flow's coarsest level needs some

Floats = NDArray[np.float32]


class Carrier:
    """Dense flow (DIS, Kroeger et al. 2016) in a window around each target, begun from where it is expected."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]

    def carry(self, former: Image, present: Image, labels: Image, old: Floats, new: Floats, out: Image) -> None:
        """Write into `out` (uint8 [h, w], zero where nothing is carried to) the `labels` of the former picture inside
        box `old`, which is expected at box `new`. Pictures are uint8 [h, w]."""
        x0, y0, x1, y1 = _window(old, new, present.shape)
        shift = np.round((new[:2] + new[2:] - old[:2] - old[2:]) / 2).astype(int)
        size = (x1 - x0, y1 - y0)
        source = cv2.getRectSubPix(former, size, _centre(x0 - shift[0], y0 - shift[1], size))
        target = cv2.getRectSubPix(present, size, _centre(x0, y0, size))
        flow = self._flow.calc(target, source, None)
        columns, rows = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
        moved = cv2.remap(
            labels, columns - shift[0] + flow[..., 0], rows - shift[1] + flow[..., 1], cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
        )  # fmt: skip
        height, width = present.shape
        left, top = max(0, x0), max(0, y0)
        seen = moved[top - y0 : max(top, min(y1, height)) - y0, left - x0 : max(left, min(x1, width)) - x0]
        np.maximum(view := out[top : top + seen.shape[0], left : left + seen.shape[1]], seen, out=view)


def _window(old: Floats, new: Floats, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Around the new box, with room for what is not as expected; it may reach out of the picture."""
    width, height = np.maximum(new[2:] - new[:2], old[2:] - old[:2])
    room = 12 + 0.3 * max(width, height)
    half = np.maximum(np.array([width, height]) / 2 + room, LEAST / 2)
    half = np.minimum(half, np.array(shape[1::-1]))
    x, y = (new[:2] + new[2:]) / 2
    return round(x - half[0]), round(y - half[1]), round(x + half[0]), round(y + half[1])


def _centre(x0: int, y0: int, size: tuple[int, int]) -> tuple[float, float]:
    return float(x0 + (size[0] - 1) / 2), float(y0 + (size[1] - 1) / 2)
