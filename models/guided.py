"""The colour guided filter: what varies with the colours beside it follows their edges; knows no matte and no mask."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


class Linear(NamedTuple):
    """A linear function of the colour for every pixel: `slopes` float32 [h, w, 3] times it, plus `offset` [h, w]."""

    slopes: Plane
    offset: Plane

    def of(self, colours: Plane) -> Plane:
        """Float32 [h, w] for colours float32 [h, w, 3]."""
        found: Plane = np.einsum("hwc,hwc->hw", self.slopes, colours) + self.offset
        return found


def fit(guide: Plane, target: Plane, radius: int, epsilon: float) -> Linear:
    """The functions of `guide` (float32 [h, w, 3], 0..1) that come nearest to `target` (float32 [h, w]) around each
    pixel, within `radius` pixels; `epsilon` is the variance of colours from which an edge counts as one.

    He, Sun, Tang: Guided Image Filtering, TPAMI 2013, equations 19 and 20; used at another size than it was found at:
    He, Sun: Fast Guided Filter, 2015.
    """
    size = (2 * radius + 1,) * 2

    def mean(values: Plane) -> Plane:
        return cv2.boxFilter(values, -1, size)  # type: ignore[no-any-return]

    channels: list[Plane] = [np.ascontiguousarray(guide[..., at]) for at in range(3)]
    means, middle = [mean(channel) for channel in channels], mean(target)
    shared: list[Plane] = [mean(channel * target) - one * middle for channel, one in zip(channels, means, strict=True)]
    spread = {
        (row, column): mean(channels[row] * channels[column]) - means[row] * means[column]
        for row in range(3)
        for column in range(row, 3)
    }
    slopes = _solved(spread, shared, epsilon)
    offset = middle - sum(slope * one for slope, one in zip(slopes, means, strict=True))
    smooth = [mean(part) for part in (*slopes, offset)]
    return Linear(cv2.merge(smooth[:3]), smooth[3])


def _solved(spread: dict[tuple[int, int], Plane], shared: list[Plane], epsilon: float) -> list[Plane]:
    """Three unknowns for every pixel by Cramer's rule: the covariances are symmetric, and `epsilon` on their diagonal
    keeps them from being singular."""
    red, green, blue = (spread[at, at] + np.float32(epsilon) for at in range(3))
    rg, rb, gb = spread[0, 1], spread[0, 2], spread[1, 2]
    rr, gg, bb = green * blue - gb * gb, red * blue - rb * rb, red * green - rg * rg
    off_rg, off_rb, off_gb = rb * gb - rg * blue, rg * gb - rb * green, rg * rb - red * gb
    inverse = 1 / (red * rr + rg * off_rg + rb * off_rb)
    first, second, third = shared
    return [
        (rr * first + off_rg * second + off_rb * third) * inverse,
        (off_rg * first + gg * second + off_gb * third) * inverse,
        (off_rb * first + off_gb * second + bb * third) * inverse,
    ]
