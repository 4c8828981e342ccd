"""Camera: how the ground has moved from one picture to the next; knows nothing of targets."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

CORNERS = 400
LEAST, CONSENT = 15, 0.35  # corners that must agree, and their share
REACH = 2.0  # pixels within which they agree
CUT = 0.5  # distance of the two pictures' brightness (0 to 1, Hellinger) from which it is another scene

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """`matrix` [3, 3] takes pixels of the former picture to the present one; `sure` is whether it is known at all."""

    matrix: Matrix
    sure: bool
    cut: bool = False

    def point(self, x: float, y: float) -> Floats:
        """Where the ground under that pixel is now."""
        moved = self.matrix @ (x, y, 1.0)
        return (moved[:2] / moved[2]).astype(np.float32)  # type: ignore[no-any-return]

    def box(self, box: Floats) -> Floats:
        """A box moved and scaled with the ground under its centre."""
        x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        centre = self.point(x, y)
        across, down = self.point(x + 1, y) - centre, self.point(x, y + 1) - centre
        scale = float(np.clip(np.sqrt(abs(across[0] * down[1] - across[1] * down[0])), 0.5, 2))
        half = (box[2:] - box[:2]) / 2 * scale
        return np.concatenate((centre - half, centre + half)).astype(np.float32)


STILL = Motion(np.eye(3), sure=False)


def motion_between(former: Image, present: Image, hidden: Image) -> Motion:
    """From corners (uint8 [h, w] pictures) that are not `hidden` (not 0: what moves by itself) in the former one."""
    free = cv2.compare(hidden, 0, cv2.CMP_EQ)
    corners = cv2.goodFeaturesToTrack(former, CORNERS, 0.005, 6, mask=free)
    cut = _distance(former, present) > CUT
    if corners is None or len(corners) < LEAST:
        return Motion(np.eye(3), sure=False, cut=cut)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(former, present, corners, None, winSize=(15, 15), maxLevel=3)
    good = found.ravel() > 0
    if good.sum() < LEAST:
        return Motion(np.eye(3), sure=False, cut=cut)
    matrix, agree = cv2.findHomography(corners[good], moved[good], cv2.RANSAC, REACH)
    if matrix is None or agree.sum() < max(LEAST, CONSENT * good.sum()) or not _plausible(matrix, former.shape):
        return Motion(np.eye(3), sure=False, cut=cut)
    return Motion(matrix, sure=True)


def _plausible(matrix: Matrix, shape: tuple[int, ...]) -> bool:
    """No camera doubles, mirrors or folds the picture between two frames."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float).T
    moved = matrix @ corners
    if (moved[2] < 0.3).any():
        return False
    x, y = moved[:2] / moved[2]
    spans = np.array([x[1] - x[0], x[3] - x[2], y[2] - y[0], y[3] - y[1]]) / (width, width, height, height)
    return bool((spans > 0.5).all() and (spans < 2).all())


def _distance(former: Image, present: Image) -> float:
    one, other = (np.bincount(picture[::2, ::2].ravel() >> 4, minlength=16) for picture in (former, present))
    shares = np.sqrt(one / one.sum() * (other / other.sum())).sum()
    return float(np.sqrt(max(0.0, 1 - shares)))
