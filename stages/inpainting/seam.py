"""The soft seam between a real picture and what replaces a hole in it: two pixels just inside the hole's outer edge."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from pipeline.frame import Image
from stages.box import tight_box

WIDTH = 2  # pixels; the share of the real picture falls from 2/3 to 1/3 to 0
_SQUARE = np.ones((3, 3), np.uint8)


class Seam:
    """Blends in place. Its scratch memory is made once for a frame size and used for every frame."""

    def __init__(self, height: int, width: int) -> None:
        self._inner = tuple(np.empty((height, width), np.uint8) for _ in range(WIDTH))
        self._ring = np.empty((height, width), np.uint8)

    def blend(self, result: Image, real: Image, mask: Image, where: Image) -> None:
        """Mix `real` into `result` (both [h, w, 3]) on the rings of pixels just inside `mask`, but only `where` (both
        [h, w], 0 or 255; no larger than the frame). The edge of the picture is no edge of the mask."""
        tight = tight_box(mask)
        if tight is None:
            return
        area = tight.grown(1, *mask.shape)  # one more, so that the erosion sees where the mask ends
        hole, shape = area.of(mask), area.of(mask).shape
        ring, *inner = (plane[: shape[0], : shape[1]] for plane in (self._ring, *self._inner))
        for outer, less in itertools.pairwise((hole, *inner)):
            cv2.erode(outer, _SQUARE, dst=less)
        cv2.bitwise_and(cv2.subtract(hole, inner[-1], dst=ring), area.of(where), dst=ring)
        y, x = np.divmod(np.flatnonzero(ring > 0), shape[1])
        depth = np.add.reduce([plane[y, x] > 0 for plane in inner], dtype=np.float32) + 1
        share = (1 - depth / (WIDTH + 1))[:, None]
        shown = area.of(result)
        shown[y, x] = (area.of(real)[y, x] * share + shown[y, x] * (1 - share) + 0.5).astype(np.uint8)
