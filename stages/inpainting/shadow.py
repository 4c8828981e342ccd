"""What belongs to whom is removed beyond the mask: shadow, reflection, and what sticks out; found beside the plate."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box, tight_box
from stages.reduce import reduced

ROWS = 180  # of the reduced picture, about: shadows are soft
CERTAIN = 8  # frames that must speak for a remembered colour
NEAR = 3  # reduced pixels within which anything that differs belongs to the mask it touches
REACH = 0.75  # of the mask's larger side: how far a shadow or a reflection may lie from it
LEAST, LEAST_STILL = 5.0, 3.0  # levels of difference: to become one, and to stay one
MOST = 110.0  # levels: more is no shadow
OWN_TEXTURE = 4.0  # levels: what differs from the plate by something finer is a thing, not its shadow
LIFT = 4  # levels by which all are lighter before shares are taken: noise in the dark is no change of light
OWN_SHARE = 0.09  # the same of the share of light that is left: a shadow keeps the texture it falls on, only darker
SAME_HUE = 0.10  # by which the share of light that is left may differ between the colours
DARKEST = 0.25  # share of the light that a shadow leaves, at least
MOST_HIDDEN = 0.9  # share of the part of the picture that is looked at
FEATHER = 2  # reduced pixels over which it fades out

_SQUARE = np.ones((3, 3), np.uint8)
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Shadows:
    """Works on a reduced part of the picture around the mask; what it finds must touch the mask or reach it by way of
    what else it finds."""

    def __init__(self, height: int, width: int) -> None:
        self._ratio = max(2, height // ROWS)
        self._size = height, width

    def find(
        self, image: Image, plate: Image, votes: Image, mask: Image, former: Image, tolerance: int
    ) -> tuple[Box, Image] | None:
        """A box of the picture and where in it, uint8 [h, w] (255), the plate should be shown though the mask is not
        set. `plate` is the remembered picture in the present light; `former`: what was found in the last frame.

        None where there is nothing."""
        tight = tight_box(mask)
        if tight is None:
            return None
        reach = int(REACH * max(tight.x1 - tight.x0, tight.y1 - tight.y0)) + 4 * self._ratio
        box = self._whole(tight.grown(reach, *self._size))
        small = (box.x1 - box.x0) // self._ratio, (box.y1 - box.y0) // self._ratio
        if min(small) < 8:
            return None
        hidden = cv2.compare(reduced(box.of(mask), self._ratio), 0, cv2.CMP_GT)
        if cv2.countNonZero(hidden) > MOST_HIDDEN * hidden.size:
            return None
        within = hidden > 0
        sure = (box.of(votes)[:: self._ratio, :: self._ratio] >= CERTAIN) & ~within
        now, then = (reduced(box.of(picture), self._ratio).astype(np.float32) for picture in (image, plate))
        cv2.copyTo(then, hidden, now)  # so that who is hidden does not spread into what is around
        stays = reduced(box.of(former), self._ratio) > 127
        candidates = sure & self._candidates(now, then, within, stays, tolerance)
        found = _touching(candidates, within)
        if not found.any():
            return None
        wide = cv2.dilate(found.view(np.uint8) * np.uint8(255), _SQUARE, iterations=FEATHER)
        wide[~sure] = 0
        full = cv2.resize(wide, (box.x1 - box.x0, box.y1 - box.y0), interpolation=cv2.INTER_LINEAR)
        where: Image = cv2.bitwise_and(cv2.compare(full, 127, cv2.CMP_GT), cv2.compare(box.of(mask), 0, cv2.CMP_EQ))
        return box, where

    def _whole(self, box: Box) -> Box:
        """The box without what is no whole pixel of the reduced picture: that is much quicker to reduce."""
        wide, tall = box.x1 - box.x0, box.y1 - box.y0
        return Box(box.x0, box.y0, box.x1 - wide % self._ratio, box.y1 - tall % self._ratio)

    def _candidates(self, now: Floats, then: Floats, hidden: Bools, stays: Bools, tolerance: int) -> Bools:
        change = now - then
        size = _most(np.abs(change))
        differs = np.where(stays, size > LEAST_STILL, cv2.blur(size, (3, 3)) > LEAST) & (size < MOST)
        soft = (differs & (_darker(now, then) | _mirrored(change, differs, hidden))).view(np.uint8)
        whole = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, _SQUARE, iterations=2) > 0
        near = cv2.dilate(hidden.view(np.uint8), _SQUARE, iterations=NEAR) > 0
        candidates: Bools = whole | (near & (size > tolerance))
        return candidates


def _darker(now: Floats, then: Floats) -> Bools:
    """Where less light falls on the same thing."""
    share = _grey(now) / _grey(then)
    darker: Bools = (share < 1) & (share > DARKEST) & (_fine(share) < OWN_SHARE)
    y, x = np.divmod(np.flatnonzero(darker), darker.shape[1])
    left = (now[y, x] + LIFT) / (then[y, x] + LIFT)
    darker[y, x] = np.abs(left - share[y, x, None]).max(1) < SAME_HUE
    return darker


def _mirrored(change: Floats, differs: Bools, hidden: Bools) -> Bools:
    """Where a polished floor may show who stands on it."""
    mirrored: Bools = _below(hidden) & differs
    tight = tight_box(mirrored.view(np.uint8))
    if tight is not None:
        part = tight.grown(3, *mirrored.shape).slices
        mirrored[part] &= _most(_fine(change[part])) < OWN_TEXTURE
    return mirrored


def _grey(picture: Floats) -> Floats:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) + np.float32(LIFT)  # type: ignore[no-any-return]


def feathered(where: Image, mask: Image, pixels: int) -> Floats:
    """How much of the plate is shown: 1 inside, fading to 0 over some pixels at the edge of `where` [h, w], but not
    where that is the edge of the mask; float32."""
    size = 2 * pixels + 1
    inside = cv2.erode(cv2.bitwise_or(where, mask), np.ones((size, size), np.uint8), borderValue=255)
    soft: Floats = cv2.blur(inside.astype(np.float32), (size, size)) / 255
    return soft


def _most(values: Floats) -> Floats:
    """The largest of each pixel's three, quicker than by `max`."""
    largest: Floats = np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
    return largest


def _fine(values: Floats) -> Floats:
    """How much values [h, w, ...] differ from those around them."""
    fine: Floats = cv2.blur(np.abs(values - cv2.blur(values, (5, 5))), (3, 3))
    return fine


def _below(hidden: Bools) -> Bools:
    """Where a polished floor would show who stands on it: under each column's lowest hidden pixel, as far down as that
    column is hidden above it."""
    rows = np.arange(len(hidden), dtype=np.int32)[:, None]
    lowest = np.where(hidden.any(0), len(hidden) - 1 - hidden[::-1].argmax(0), len(hidden)).astype(np.int32)
    tall = hidden.sum(0, dtype=np.int32)
    under: Bools = (rows > lowest) & (rows <= lowest + tall)
    return under


def _touching(candidates: Bools, hidden: Bools) -> Bools:
    """The candidates that touch what is hidden, directly or by way of others."""
    both = (candidates | hidden).view(np.uint8)
    both = cv2.morphologyEx(both, cv2.MORPH_OPEN, _SQUARE)  # a thread of noise connects nothing
    count, labels = cv2.connectedComponents(both, connectivity=4)
    rooted = np.zeros(count, np.bool_)
    rooted[labels[hidden & (both > 0)]] = True
    rooted[0] = False
    found: Bools = rooted[labels] & candidates
    return found
