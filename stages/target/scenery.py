"""Scenery: the ground as it was seen before, laid under the present picture, to tell what shines through a target."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Image, Layout
from stages.box import tight_box
from stages.target.camera import Motion

RING = 20  # pixels around a target from which it is learned how well the ground agrees with itself
STEP, STEPS = 6, 16  # levels of difference per bin, and bins
ENOUGH = 100  # pixels of the ring
EASY = 0.3  # logarithm of the odds that speaks for what lets the ground through by its kind
_CORE = np.ones((5, 5), np.uint8)
ROOM = 9.0  # pixels over which the ground's own motion is smoothed and carried under the target

Floats = NDArray[np.float32]


class Scenery:
    """Remembers the ground outside all targets, moves it with the camera, and says where a target lets it through.

    The remembered ground is warped again with each frame: it need not be sharp, it is only compared."""

    def __init__(self, height: int, width: int) -> None:
        self._size = (height, width)
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # type: ignore[attr-defined]
        self._grid = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._ground = np.zeros((height, width, 3), np.uint8)
        self._known = np.zeros((height, width), np.uint8)

    @staticmethod
    def layout(height: int, width: int) -> Layout:
        """`ground`: BGR; `ground_known`: 255 where it has been seen."""
        return {"ground": ((height, width, 3), "u1"), "ground_known": ((height, width), "u1")}

    def move(self, before: Arrays, motion: Motion, gray: Image, hidden: Image) -> None:
        """Lay the remembered ground under this picture (grey, uint8 [h, w]); `hidden` is not 0 near targets.

        The homography is refined by dense flow outside, which is smoothed to go on under the targets."""
        if not motion.sure or not before["ground_known"].any():
            self._known[:] = 0
            return
        size = self._size[::-1]
        ground = cv2.warpPerspective(before["ground"], motion.matrix, size, flags=cv2.INTER_CUBIC)
        known = cv2.warpPerspective(before["ground_known"], motion.matrix, size, flags=cv2.INTER_NEAREST)
        free = ((hidden == 0) & (known > 0)).astype(np.float32)
        flow = self._flow.calc(gray, cv2.cvtColor(ground, cv2.COLOR_BGR2GRAY), None)
        weight = cv2.GaussianBlur(free, (0, 0), ROOM) + 1e-4
        across, down = (cv2.GaussianBlur(flow[..., axis] * free, (0, 0), ROOM) / weight for axis in (0, 1))
        places = self._grid[0] + across, self._grid[1] + down
        self._ground = cv2.remap(ground, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        self._known = cv2.remap(known, *places, cv2.INTER_NEAREST)

    def shines_through(self, picture: Image, mask: Image, solid: Image) -> Image | None:
        """uint8 [h, w], 255 where a pixel of `mask` is rather the ground than the target; None where nothing tells.

        `solid`: what of the mask lets nothing through by its kind; inside it the ground must be plain to see, and how
        its differences are spread is learned from its core. For the ground the ring around the mask tells that."""
        box = tight_box(mask)
        if box is None:
            return None
        area = box.grown(2 * RING, *self._size)
        here, inner, known, view = (area.of(plane) for plane in (mask, solid, self._known, picture))
        ring = cv2.dilate(here, np.ones((2 * RING + 9, 2 * RING + 9), np.uint8))
        ring[cv2.dilate(here, np.ones((9, 9), np.uint8)) > 0] = 0
        around, core = (ring > 0) & (known > 0), (cv2.erode(inner, _CORE) > 0) & (known > 0)
        if around.sum() < ENOUGH:
            return None
        differs = (_differences(view, area.of(self._ground)) / STEP).clip(0, STEPS - 1).astype(np.int64)
        odds = np.log(_spread(differs[core], 4) / _spread(differs[around], 1)).astype(np.float32)[differs]
        depth = cv2.distanceTransform(inner, cv2.DIST_L2, 3)
        keep = np.where(inner > 0, 1 + np.clip(depth / 2, 0, 3.5), EASY).astype(np.float32)
        weighed = cv2.GaussianBlur(np.where(known > 0, odds, 2) + keep, (0, 0), 0.6)
        shining = np.zeros(self._size, np.uint8)
        area.of(shining)[(here > 0) & (weighed < 0) & (known > 0)] = 255
        return shining

    def learn(self, picture: Image, hidden: Image, after: Arrays, *, fresh: bool) -> None:
        """Leave the next state: what is open to see now, and else what was known. Without `fresh` nothing is learned:
        a target may be anywhere."""
        np.copyto(after["ground"], self._ground)
        np.copyto(after["ground_known"], self._known)
        if fresh:
            seen = cv2.compare(hidden, 0, cv2.CMP_EQ)
            cv2.copyTo(picture, seen, after["ground"])
            cv2.bitwise_or(after["ground_known"], seen, dst=after["ground_known"])


def _differences(picture: Image, ground: Image) -> Floats:
    """The largest of three channels, the least over shifts by a pixel: half a pixel beside is no difference."""
    soft = cv2.GaussianBlur(picture, (3, 3), 0)
    least = np.full(picture.shape[:2], 255, np.uint8)
    padded = cv2.copyMakeBorder(ground, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    height, width = least.shape
    for down in range(3):
        for across in range(3):
            apart = cv2.absdiff(soft, padded[down : down + height, across : across + width])
            cv2.min(least, apart.max(2), dst=least)
    return cv2.blur(least.astype(np.float32), (3, 3))  # type: ignore[no-any-return]


def _spread(differs: NDArray[np.int64], prior: float) -> NDArray[np.float64]:
    """The share of each bin, smoothed; `prior` is added to each, so that few pixels say little."""
    counts = np.bincount(differs.ravel(), minlength=STEPS) + prior
    padded = np.pad(counts / counts.sum(), 1, mode="edge")
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4  # type: ignore[no-any-return]
