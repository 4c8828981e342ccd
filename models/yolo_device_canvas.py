"""Letterboxing by matrix products, for a picture that lies where the network does; as `models.letterbox` draws it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.letterbox import FILL, Letterbox


class DeviceCanvas:
    """Draws the canvas of one letterbox; every step has the same shape whatever the picture shows."""

    def __init__(self, fit: Letterbox, place: torch.device) -> None:
        """float16 on a GPU: it holds 0..255 exactly, and a weight's rounding moves no pixel by more than one level."""
        self._fit = fit
        self._form = torch.float16 if place.type == "cuda" else torch.float32
        shrinks = fit.inner_width < fit.width / 2
        sides = (fit.inner_height, fit.height), (fit.inner_width, fit.width)
        self._down, self._across = (torch.from_numpy(weights(*side, shrinks)).to(place, self._form) for side in sides)

    def draw(self, image: Tensor) -> Tensor:
        """uint8 [height, width, 3] to the canvas, uint8 [1, out_height, out_width, 3]."""
        fit = self._fit
        rows = self._down @ image.to(self._form).view(fit.height, -1)
        rows = rows.view(fit.inner_height, fit.width, 3).permute(0, 2, 1).reshape(-1, fit.width)
        inner = (rows @ self._across.T).view(fit.inner_height, 3, fit.inner_width).permute(0, 2, 1)
        shape = (1, fit.out_height, fit.out_width, 3)
        canvas = torch.full(shape, FILL, dtype=torch.uint8, device=image.device)
        place = canvas[0, fit.top : fit.top + fit.inner_height, fit.left : fit.left + fit.inner_width]
        place.copy_(inner.round().clamp(0, 255))
        return canvas


def weights(inner: int, outer: int, shrinks: bool) -> NDArray[np.float32]:
    """[inner, outer]: how much each pixel of a line counts for each of the scaled one.

    As OpenCV's INTER_AREA where the picture shrinks to less than half (each pixel by the part of it that is covered),
    else as its INTER_LINEAR (the two nearest).
    """
    step = outer / inner
    if shrinks:
        start, pixel = np.arange(inner)[:, None] * step, np.arange(outer)[None]
        covered = np.minimum(pixel + 1, start + step) - np.maximum(pixel, start)
        share: NDArray[np.float32] = (np.clip(covered, 0, 1) / step).astype(np.float32)
        return share
    middle = (np.arange(inner) + 0.5) * step - 0.5
    low = np.floor(middle).astype(np.int64)
    found = np.zeros((inner, outer), np.float32)
    for at, weight in ((low, 1 - (middle - low)), (low + 1, middle - low)):
        np.add.at(found, (np.arange(inner), np.clip(at, 0, outer - 1)), weight.astype(np.float32))
    return found
