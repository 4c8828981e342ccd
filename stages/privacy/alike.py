"""Alike: whether a part of a picture still shows what another one shows there, after an encoder; knows no detector.

Means and slow changes of brightness say little: a mosaic keeps them, and so does a blur. What tells somebody is the
detail, so each small window is asked whether the detail of the one is in the other, as the structure term of SSIM does
(Wang, Bovik, Sheikh, Simoncelli, 2004), and windows without detail are not asked at all.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

SHARE = 1 / 6  # a window's side, of the region's shorter one: smaller than the cells of any mosaic that is allowed
LEAST, MOST = 5, 31  # pixels of a window's side
FLAT = 58.5  # variance of brightness below which there is nothing to be recognised: (0.03 x 255)^2, as in SSIM
SAME = 0.5  # of the structure term: above, the window still shows it. H.264 at crf 23 leaves 0.8 of a face
OTHER = 16.0  # levels of brightness by which something else is painted there
AKIN = 0.1  # of the detail of a whole picture: less is left by no cover, but by another picture
COARSE = 180  # lines that are enough to tell that
LITTLE = 0.02  # of a region: with less detail there is nothing in it that could be left


def share_left(now: Image, was: Image, where: Image | None = None) -> float:
    """Of what `was` [h, w, 3] shows, the share that `now`, of the same size, still shows, from 0 to 1.

    `where` [h, w] is not 0 in what counts; all counts by default. 0 where there is nothing to be left."""
    if now.shape != was.shape or min(now.shape[:2], default=0) < 3:
        return 0.0
    one, other = _brightness(now), _brightness(was)
    size = _window(one)
    mean_one, mean_other = cv2.blur(one, size), cv2.blur(other, size)
    spread_one, spread_other = _spread(one, mean_one, size), _spread(other, mean_other, size)
    common = cv2.blur(one * other, size) - mean_one * mean_other
    structure = (2 * common + FLAT) / (spread_one + spread_other + FLAT)
    repainted = np.abs(cv2.blur(one - other, (3, 3))) > OTHER
    detailed = spread_other > FLAT
    if where is not None:
        detailed &= where > 0
        repainted &= where > 0
    same = int((detailed & ~repainted & (structure > SAME)).sum())
    return same / max(1, int((detailed | repainted).sum())) if same > LITTLE * detailed.size else 0.0


def akin(now: Image, was: Image) -> bool:
    """Whether one whole picture may be the other with something covered: it shows some of its detail, or half of it is
    as bright as it was, or it is a blank, which shows nothing of any."""
    step = max(1, min(now.shape[:2]) // COARSE)
    now, was = (np.ascontiguousarray(one[::step, ::step]) for one in (now, was))
    if share_left(now, was) >= AKIN or detail(now) < AKIN:
        return True
    return bool((np.abs(cv2.blur(_brightness(now) - _brightness(was), (3, 3))) <= OTHER).mean() >= 0.5)


def detail(now: Image) -> float:
    """The share of a region [h, w, 3] that shows any detail: little where it is painted in one colour."""
    if min(now.shape[:2], default=0) < 3:
        return 0.0
    one = _brightness(now)
    size = _window(one)
    return float((_spread(one, cv2.blur(one, size), size) > FLAT).mean())


def _brightness(picture: Image) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32)


def _window(region: NDArray[np.float32]) -> tuple[int, int]:
    side = int(min(MOST, max(LEAST, round(min(region.shape) * SHARE)))) | 1
    return side, side


def _spread(region: NDArray[np.float32], mean: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = cv2.blur(region * region, size) - mean * mean
    return found
