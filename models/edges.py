"""Edges: where a mask is sure, and how alpha follows the colours in between; knows no time."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from models.base import Image
from models.guided import Linear, Plane, fit

CELLS = 160  # across the long side: as finely as segmentation networks draw a mask; it is wrong by about as much
EPSILON = 1e-4  # variance of a colour, of 0..1: of two sides that differ by less the mask alone decides
DOUBT = 0.02  # what a pixel of the band counts beside a sure one


class Edge(NamedTuple):
    """At the size of what was looked at: `alpha` float32 [h, w] of 0..1; `linear`, which gives it in the band; `inner`
    and `outer`, uint8 [h, w]: 255 where it is surely foreground, and where it may be."""

    alpha: Plane
    linear: Linear
    inner: Image
    outer: Image


class Edges:
    """Works out alpha in a band around the edge of a mask."""

    def __init__(self, softness: float) -> None:
        self._softness = softness

    def reach(self, long_side: int) -> int:
        """Pixels to either side of the mask's edge that are in doubt."""
        return max(2, round(self._softness * long_side / CELLS))

    def find(self, colours: Plane, mask: Image, reach: int) -> Edge:
        """`colours` float32 [h, w, 3] of 0..1, `mask` uint8 [h, w]; an edge at the border of the picture is none."""
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        outer = cv2.dilate(mask, kernel)
        inner = cv2.erode(mask, kernel, borderValue=255)
        doubtful = cv2.subtract(outer, inner) > 0
        weights = np.where(doubtful, np.float32(DOUBT), np.float32(1))
        target = mask.astype(np.float32) / 255
        linear = fit(colours, target, weights, 2 * reach, EPSILON)
        alpha = np.clip(linear.of(colours), 0, 1)
        return Edge(bounded(alpha, inner, outer), linear, inner, outer)


def bounded(alpha: Plane, inner: Image, outer: Image) -> Plane:
    """1 where it is surely foreground, 0 where it surely is not."""
    alpha[inner > 0] = 1
    alpha[outer == 0] = 0
    return alpha
