"""Motion between two pictures at a reduced size: DIS optical flow (Kroeger et al., 2016); knows no object."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

LONG_SIDE = 320  # pixels of the reduced picture, about: a third of a millisecond, whatever the frame's size
LEAST = 32  # pixels of a side: in 16 x 320 DIS reads beyond its pictures
SAME = 0.5  # correlation of a picture with the next one, moved back by the flow: below it is another scene
FLAT = 1.0  # levels of standard deviation in which there is nothing to correlate

Flow = NDArray[np.float32]
Floats = NDArray[np.float64]


class Motion:
    """Reduces pictures of one size and finds the motion between reduced ones."""

    def __init__(self, height: int, width: int) -> None:
        ratio = max(1.0, max(height, width) / LONG_SIDE)
        self.size = max(LEAST, round(height / ratio)), max(LEAST, round(width / ratio))
        self.scale: Floats = np.array([width / self.size[1], height / self.size[0]])
        """Pixels of the frame for one of the reduced picture, x y."""
        self.scales: Floats = np.tile(self.scale, 2)
        """The same for a rectangle, x0 y0 x1 y1."""
        self._skip = max(1, round(ratio / 2))  # of rows and columns: two by two are enough for a mean
        self._green = np.empty([-(-side // self._skip) for side in (height, width)], np.uint8)
        made: Any = cv2.DISOpticalFlow
        self._flow = made.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._grid = np.mgrid[0 : self.size[0] : 2, 0 : self.size[1] : 2].astype(np.float32)

    def reduce(self, image: Image, out: Image) -> None:
        """The green of a picture [H, W, 3], uint8 of `self.size`."""
        np.copyto(self._green, image[:: self._skip, :: self._skip, 1])
        cv2.resize(self._green, self.size[::-1], dst=out, interpolation=cv2.INTER_AREA)

    def between(self, one: Image, other: Image) -> Flow:
        """Where each pixel of the reduced picture `one` lies in `other`: its displacement x y, in reduced pixels."""
        return self._flow.calc(one, other, None)  # type: ignore[no-any-return]

    def same_scene(self, one: Image, other: Image, flow: Flow) -> bool:
        """Whether `other`, moved back by the flow from `one` to it, shows what `one` does, in whatever light."""
        coarse, (y, x) = _around_zero(one[::2, ::2]), self._grid
        if float(np.square(coarse).mean()) < FLAT**2:
            return True
        x, y = x + flow[::2, ::2, 0], y + flow[::2, ::2, 1]
        back = cv2.remap(other, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back = _around_zero(back)
        # Not cv2.matchTemplate, which transforms both by Fourier for this one number.
        alike, spread = (coarse * back).sum(), np.sqrt(np.square(coarse).sum() * np.square(back).sum())
        return bool(spread > 0 and alike >= SAME * spread)


def _around_zero(picture: Image) -> Flow:
    """Its levels less their mean."""
    levels = picture.astype(np.float32)
    levels -= levels.mean()
    return levels


def whole_motion(flow: Flow) -> Floats:
    """Of most of the picture: the camera's, x y."""
    motion: Floats = np.median(flow[::4, ::4].reshape(-1, 2), 0).astype(float)
    return motion


def changed_by(one: Image, other: Image, motion: Floats) -> Image:
    """How much `other` differs from `one` moved as a whole."""
    place = np.array([[1, 0, motion[0]], [0, 1, motion[1]]])
    moved = cv2.warpAffine(one, place, one.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return cv2.absdiff(other, moved)  # type: ignore[no-any-return]
