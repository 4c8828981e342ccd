"""Grain: gives what was invented the noise of the picture around it; knows no model and no plate."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image

TILE = 256  # pixels after which the pattern repeats
LEAST, MOST = 0.4, 12.0  # levels of noise: less is not seen, more is texture
ENOUGH = 256  # pixels from which noise can be told
# Two second differences, one across and one down: blind to slopes and straight edges, and noise of one level comes out
# at six (Immerkaer, Fast noise variance estimation, 1996).
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_GAIN = 6.0
_SHARE, _QUANTILE = 0.3, 0.3853  # so much of a normal distribution of deviation 1 lies within this; texture less
_SQUARE = np.ones((5, 5), np.uint8)


class Grain:
    """One pattern for all frames, fixed to the picture: it does not boil where the same hole is filled again, and what
    the plate has learned keeps the grain that it got."""

    def __init__(self) -> None:
        self._tile = np.random.default_rng(0).standard_normal((TILE, TILE), np.float32)

    def add(self, result: Image, hole: Image, x: int, y: int, noise: float) -> None:
        """Add to `result` uint8 [h, w, 3], whose left upper corner is at (x, y) of the picture, inside `hole` uint8
        [h, w] what it lacks there of the `noise` around it (`noise_of`). In place."""
        if cv2.countNonZero(cv2.erode(hole, _SQUARE)) < ENOUGH:
            return
        lacking = min(MOST, float(np.sqrt(max(0.0, noise**2 - noise_of(result, hole) ** 2))))
        if lacking < LEAST:
            return
        rows = np.arange(y, y + hole.shape[0]) % TILE
        columns = np.arange(x, x + hole.shape[1]) % TILE
        pattern = self._tile[np.ix_(rows, columns)] * np.float32(lacking)
        grained = np.clip(np.rint(result + pattern[..., None]), 0, 255).astype(np.uint8)
        cv2.copyTo(grained, hole, result)


def noise_of(picture: Image, where: Image) -> float:
    """Standard deviation, in levels, of the noise of `picture` uint8 [h, w, 3] where uint8 [h, w] is set; 0 where it
    cannot be told."""
    responses = np.abs(cv2.filter2D(picture[..., 1], cv2.CV_32F, _NOISE))
    inner = cv2.erode(where, _SQUARE) > 0
    if np.count_nonzero(inner) < ENOUGH:
        return 0.0
    return float(np.quantile(responses[inner], _SHARE)) / (_QUANTILE * _GAIN)
