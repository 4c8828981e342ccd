"""From prototype masks to one patch per instance, at the picture's own resolution; knows no network."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Patch
from models.letterbox import Letterbox

RATIO = 4  # input pixels per prototype pixel


def cut_patch(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], box: NDArray[np.float32], fit: Letterbox
) -> Patch:
    """The mask of one instance inside its box.

    `prototypes` [h, w, masks] weighted with `coefficients` [masks] give logits, which are interpolated (bilinear) at
    the picture's pixel centres; above zero belongs to the instance. Work is done around the box only. `box` is in
    pixels of the picture, within it; a pixel is in it that starts in it, so a patch may have no pixel.
    """
    x0, y0, x1, y1 = (math.ceil(side) for side in box)
    width, height = max(0, x1 - x0), max(0, y1 - y0)
    if not width or not height:
        return Patch(x0, y0, np.zeros((height, width), np.uint8))
    columns, shift_x, scale_x = _axis(x0, width, fit.scale_x, fit.left, fit.inner_width)
    rows, shift_y, scale_y = _axis(y0, height, fit.scale_y, fit.top, fit.inner_height)
    logits = prototypes[rows, columns] @ coefficients
    sampling = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(logits, sampling, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Patch(x0, y0, (fine > 0).view(np.uint8) * np.uint8(255))


def _axis(start: int, length: int, scale: float, pad: int, inner: int) -> tuple[slice, float, float]:
    """Which prototype pixels cover picture pixels [start, start + length), and where picture pixel `start` + i lies
    among them: at shift + i * scale. What was found on the grey around the picture is left out."""
    step = scale / RATIO
    first = (start + 0.5) * step + pad / RATIO - 0.5
    low = max(pad // RATIO, math.floor(first) - 1)
    high = min(-(-(pad + inner) // RATIO), math.ceil(first + (length - 1) * step) + 2)
    return slice(low, high), first - low, step
