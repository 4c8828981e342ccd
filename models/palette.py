"""Palette: which colours, near a place, are those of the foreground; knows no edges and no time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.guided import Plane

BITS = 6  # of each channel that are told apart
MOST = 192  # colours of a palette
ROUNDS = 3  # of Lloyd's algorithm
ALIKE = 4.5  # levels: colours that differ by so much vouch for each other by 0.6
TILE = 8  # pixels a side of what is counted together
AROUND = 6  # tiles to either side that count as near
PRIOR = 0.5  # pixels of either kind that are taken to have been seen of each colour, so that none is impossible

Labels = NDArray[np.intp]


def likelihood(picture: Image, inner: Image, outer: Image, asked: tuple[Labels, ...]) -> Plane:
    """For the pixels `asked`, rows [N] and columns [N], float32 [N]: the share of foreground among those nearby of
    about this colour that are surely either, `inner` (uint8 [h, w], 255: foreground) or not `outer`. `picture` is
    uint8 [h, w, 3], BGR.

    Local histograms of colours, as in Bai et al.: Video SnapCut, SIGGRAPH 2009, over a palette of the picture's own.
    """
    tones = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)
    codes = _codes(tones)
    centres, label_of = _palette(codes)
    labels = label_of[codes]
    alike = _likeness(centres)
    front, back = (_counted(labels, kind, alike) for kind in (inner > 0, outer == 0))
    share = (front + PRIOR) / (front + back + 2 * PRIOR)
    return _looked_up(share, labels, asked)


def _codes(tones: Image) -> Labels:
    """One number for each colour of BITS a channel: [h, w]."""
    first, second, third = (tones[..., at].astype(np.intp) >> (8 - BITS) for at in range(3))
    return (first << 2 * BITS) | (second << BITS) | third


def _palette(codes: Labels) -> tuple[Plane, Labels]:
    """The colours that stand for all, [K, 3], and for each code which of them does."""
    counts = np.bincount(codes.ravel(), minlength=1 << 3 * BITS)
    there = np.flatnonzero(counts)
    places = np.stack([there >> 2 * BITS, there >> BITS, there], 1) & ((1 << BITS) - 1)
    colours = (places * (1 << 8 - BITS) + (1 << 7 - BITS)).astype(np.float32)
    weights = counts[there].astype(np.float32)
    # The most frequent, thinned out to as many as are wanted along the order of their luma: the same every time.
    centres = colours[np.linspace(0, len(there) - 1, min(MOST, len(there))).round().astype(np.intp)]
    for _ in range(ROUNDS):
        nearest = _nearest(colours, centres)
        total = np.bincount(nearest, weights, len(centres))
        sums = np.stack([np.bincount(nearest, weights * colours[:, at], len(centres)) for at in range(3)], 1)
        centres = np.where(total[:, None] > 0, sums / np.maximum(total, 1)[:, None], centres).astype(np.float32)
    label_of = np.zeros(1 << 3 * BITS, np.intp)
    label_of[there] = _nearest(colours, centres)
    return centres, label_of


def _nearest(colours: Plane, centres: Plane) -> Labels:
    apart = (centres * centres).sum(1) - 2 * colours @ centres.T
    return np.asarray(apart.argmin(1), np.intp)


def _likeness(centres: Plane) -> Plane:
    apart = ((centres[:, None] - centres[None]) ** 2).sum(2)
    return np.exp(-apart / np.float32(2 * ALIKE * ALIKE))  # type: ignore[no-any-return]


def _counted(labels: Labels, kind: NDArray[np.bool_], alike: Plane) -> Plane:
    """How many pixels of that kind, in and around each tile, have each colour or one like it: [tiles, tiles, K]."""
    tall, wide = -(-labels.shape[0] // TILE), -(-labels.shape[1] // TILE)
    rows, columns = np.nonzero(kind)
    at = ((rows // TILE) * wide + columns // TILE) * len(alike) + labels[rows, columns]
    counts = np.bincount(at, minlength=tall * wide * len(alike)).astype(np.float32).reshape(tall, wide, -1)
    for axis in (0, 1):
        counts = _near(counts, axis)
    return counts @ alike


def _near(counts: Plane, axis: int) -> Plane:
    """Sums over AROUND tiles to either side along an axis."""
    width = [(AROUND + 1, AROUND) if at == axis else (0, 0) for at in range(3)]
    sums = np.pad(counts, width).cumsum(axis, dtype=np.float32)
    length = counts.shape[axis]
    upper = sums.take(range(2 * AROUND + 1, length + 2 * AROUND + 1), axis)
    return upper - sums.take(range(length), axis)  # type: ignore[no-any-return]


def _looked_up(share: Plane, labels: Labels, asked: tuple[Labels, ...]) -> Plane:
    """For each pixel the share of its colour, between the middles of the four tiles around it."""
    of_colour = labels[asked]
    (top, below, down), (left, right, along) = (
        _between(places, count) for places, count in zip(asked, share.shape[:2], strict=True)
    )
    found = np.zeros(len(of_colour), np.float32)
    for rows, of_row in ((top, 1 - down), (below, down)):
        for columns, of_column in ((left, 1 - along), (right, along)):
            found += of_row * of_column * share[rows, columns, of_colour]
    return found


def _between(places: Labels, count: int) -> tuple[Labels, Labels, Plane]:
    """Of pixels along a side of so many tiles those before and after them, and how near each is to the second."""
    place = (places.astype(np.float32) + np.float32(0.5)) / TILE - np.float32(0.5)
    first = np.clip(np.floor(place).astype(np.intp), 0, count - 1)
    return first, np.minimum(first + 1, count - 1), np.clip(place - first, 0, 1)
