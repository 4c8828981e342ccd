"""Edges: where a mask is sure, and how alpha follows the colours in between; knows no time."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from models.base import Image
from models.guided import Linear, Plane, fit
from models.palette import likelihood

CELLS = 160  # across the long side: as finely as segmentation networks draw a mask; it is wrong by about as much
RADIUS = 3  # pixels to either side in which alpha is one function of the colours
EPSILON = 1e-3  # variance of a colour, of 0..1: an edge of less is smoothed over
CONTRAST = 1.5  # by which alpha is drawn away from the middle: the function shrinks it towards there
LEAST = 0.02  # of likelihood: neither colour nor place is ever certain


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

    def find(self, picture: Image, tones: Plane, mask: Image, reach: int) -> Edge:
        """`picture` uint8 [h, w, 3] BGR, and as `tones`, float32 of 0..1; `mask` uint8 [h, w] of 0 and 255. What goes
        on beyond the border of the picture has no edge there."""
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        outer = cv2.dilate(mask, kernel)
        inner = cv2.erode(mask, kernel, borderValue=255)
        doubtful = np.nonzero(cv2.subtract(outer, inner))
        target = inner.astype(np.float32) / 255
        place = cv2.GaussianBlur(mask, (0, 0), reach / 2)[doubtful].astype(np.float32) / 255
        target[doubtful] = both(likelihood(picture, inner, outer, doubtful), place)
        slopes, offset = fit(tones, target, RADIUS, EPSILON)
        linear = Linear(CONTRAST * slopes, CONTRAST * (offset - np.float32(0.5)) + np.float32(0.5))
        alpha = np.clip(linear.of(tones), 0, 1)
        return Edge(bounded(alpha, inner, outer), linear, inner, outer)


def both(one: Plane, other: Plane) -> Plane:
    """What two likelihoods that know nothing of each other say together, by Bayes' rule."""
    one, other = np.clip(one, LEAST, 1 - LEAST), np.clip(other, LEAST, 1 - LEAST)
    return np.asarray(one * other / (one * other + (1 - one) * (1 - other)), np.float32)


def bounded(alpha: Plane, inner: Image, outer: Image) -> Plane:
    """1 where it is surely foreground, 0 where it surely is not."""
    alpha[inner > 0] = 1
    alpha[outer == 0] = 0
    return alpha
