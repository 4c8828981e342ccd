"""How the camera moved between two pictures: points followed both ways, and the homography that most of them obey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

LONG_SIDE = 800  # pixels at which points are looked for and followed: a larger picture is halved, thirded, ...
POINTS = 400
QUALITY = 0.005  # of the best corner's strength
APART = 8  # pixels between two points
WINDOW, LEVELS = (13, 13), 3  # of Lucas and Kanade's search (Bouguet's pyramid)
THERE_AND_BACK = 0.5  # pixels by which a point may miss itself, followed there and back again
STRAY = 1.5  # pixels by which a point may miss the homography it is counted for
FEWEST = 12  # points that say anything about eight unknowns
CERTAIN = 0.5  # share of the points that must obey

Points = NDArray[np.float32]
Homography = NDArray[np.float64]

IDENTITY: Homography = np.eye(3)


@dataclass(frozen=True, slots=True)
class Reduced:
    """Between a picture and the same reduced by a whole number: sizes, pictures, points and homographies."""

    ratio: int
    height: int
    width: int

    @classmethod
    def of(cls, height: int, width: int) -> Reduced:
        ratio = -(-max(height, width) // LONG_SIDE)
        return cls(ratio, max(1, height // ratio), max(1, width // ratio))

    def grey(self, picture: Image) -> Image:
        """uint8 [H, W, 3] BGR to uint8 [h, w]."""
        return cv2.cvtColor(self._reduced(picture), cv2.COLOR_BGR2GRAY)  # type: ignore[no-any-return]

    def open(self, mask: Image) -> Image:
        """255 where nothing of `mask` [H, W] is, uint8 [h, w]."""
        return cv2.compare(self._reduced(mask), 0, cv2.CMP_EQ)  # type: ignore[no-any-return]

    def small(self, homography: Homography) -> Homography:
        """The same motion in pixels of the reduced picture."""
        result: Homography = self._down @ homography @ np.linalg.inv(self._down)
        return result

    def full(self, homography: Homography) -> Homography:
        """The same motion in pixels of the full picture."""
        result: Homography = np.linalg.inv(self._down) @ homography @ self._down
        return result

    def _reduced(self, picture: Image) -> Image:
        """Without the last rows and columns that are no whole pixel of it: points would lie beside their places."""
        if self.ratio == 1:
            return picture
        whole = picture[: self.height * self.ratio, : self.width * self.ratio]
        return cv2.resize(whole, (self.width, self.height), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]

    @property
    def _down(self) -> Homography:
        shift = (1 - self.ratio) / (2 * self.ratio)  # centres of pixels, not their corners
        return np.array([[1 / self.ratio, 0, shift], [0, 1 / self.ratio, shift], [0, 0, 1]])


def corners(grey: Image, where: Image, most: int = POINTS, apart: int = APART) -> Points:
    """Points worth following, float32 [N, 2], where `where` is set."""
    found = cv2.goodFeaturesToTrack(grey, most, QUALITY, apart, mask=where)
    return np.empty((0, 2), np.float32) if found is None else found[:, 0]


def follow(
    start: Image, end: Image, points: Points, guess: Homography, levels: int = LEVELS
) -> tuple[Points, NDArray[np.bool_]]:
    """Where the points of one grey picture are in another, and which of them can be believed.

    `guess` is about how they moved. Raises nothing: points that are lost are not believed."""
    if not len(points):
        return points, np.zeros(0, np.bool_)
    places = points[:, None]
    first = moved(guess, points)[:, None]
    options: dict[str, Any] = {"winSize": WINDOW, "maxLevel": levels, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    there, seen, _ = cv2.calcOpticalFlowPyrLK(start, end, places, first.copy(), **options)
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(end, start, there, places.copy(), **options)
    missed = np.abs(back - places).max(axis=(1, 2))
    believed = (seen[:, 0] > 0) & (seen_back[:, 0] > 0) & (missed < THERE_AND_BACK)
    return there[:, 0], believed


def fit(points: Points, there: Points, stray: float = STRAY) -> tuple[Homography, float] | None:
    """The homography that most of the pairs obey (MAGSAC++, Barath et al. 2020) and their share."""
    if len(points) < FEWEST:
        return None
    homography, obeying = cv2.findHomography(points, there, cv2.USAC_MAGSAC, stray, maxIters=500, confidence=0.995)
    if homography is None or not np.isfinite(homography).all() or abs(np.linalg.det(homography)) < 1e-6:
        return None
    return homography, float(obeying.mean())


@dataclass(frozen=True, slots=True)
class Way:
    """From one picture into another: the homography, and by how many pixels half of the points moved at most.

    Where few points lie, a homography turns and bends by their noise; the median does not."""

    homography: Homography
    off: float


def register(start: Image, end: Image, where: Image, open_end: Image, guess: Homography = IDENTITY) -> Way | None:
    """How the picture `start` moved to become `end`: maps its pixels there. All uint8 [h, w]; only points that are
    open in both count. None where too little agrees, as over a cut."""
    points = corners(start, where)
    there, believed = follow(start, end, points, guess)
    believed &= value_at(open_end, there) > 0
    if believed.sum() < max(FEWEST, len(points) // 8):
        return None
    points, there = points[believed], there[believed]
    found = fit(points, there)
    if found is None or found[1] < CERTAIN:
        return None
    return Way(found[0], float(np.median(np.abs(there - points).max(1))))


def moved(homography: Homography, points: Points) -> Points:
    """Points [N, 2] where the homography takes them."""
    if not len(points):
        return points
    result: Points = cv2.perspectiveTransform(points[:, None].astype(np.float32), homography)[:, 0]
    return result


def value_at(picture: Image, points: Points) -> Image:
    """The pixel of [h, w] nearest to each point; that of the edge for points outside."""
    height, width = picture.shape
    at = np.nan_to_num(np.rint(points), nan=-1.0, posinf=-1.0, neginf=-1.0)
    x, y = at[:, 0].clip(0, width - 1).astype(np.intp), at[:, 1].clip(0, height - 1).astype(np.intp)
    return picture[y, x]
