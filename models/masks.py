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

    `prototypes` [h, w, masks] weighted with `coefficients` [masks] give logits; their sigmoid is interpolated
    (bilinear) at the picture's pixel centres and cut at 0.5. Work is done around the box only. `box` is in pixels of
    the picture, within it.
    """
    x0, y0 = math.floor(box[0]), math.floor(box[1])
    width, height = max(1, math.ceil(box[2]) - x0), max(1, math.ceil(box[3]) - y0)
    x0, y0 = min(x0, fit.width - 1), min(y0, fit.height - 1)
    columns, shift_x, scale_x = _axis(x0, width, fit.scale_x, fit.left, prototypes.shape[1])
    rows, shift_y, scale_y = _axis(y0, height, fit.scale_y, fit.top, prototypes.shape[0])
    logits = np.clip(prototypes[rows, columns] @ coefficients, -30, 30)
    soft = (255.5 / (1 + np.exp(-logits))).astype(np.uint8)  # in 8 bits OpenCV is four times as fast
    sampling = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(soft, sampling, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Patch(x0, y0, cv2.threshold(fine, 127, 255, cv2.THRESH_BINARY)[1])


def _axis(start: int, length: int, scale: float, pad: int, limit: int) -> tuple[slice, float, float]:
    """Which prototype pixels cover picture pixels [start, start + length), and where picture pixel `start` + i lies
    among them: at shift + i * scale."""
    step = scale / RATIO
    first = (start + 0.5) * step + pad / RATIO - 0.5
    low = max(0, math.floor(first) - 1)
    high = min(limit, math.ceil(first + (length - 1) * step) + 2)
    return slice(low, high), first - low, step
