"""The soft seam between a real picture and what replaces a hole in it: two pixels just inside the hole's outer edge."""

from __future__ import annotations

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
        edge, within = area.of(mask), area.of(where)
        ring = self._ring[: edge.shape[0], : edge.shape[1]]
        for step, buffer in enumerate(self._inner, 1):
            inner = buffer[: edge.shape[0], : edge.shape[1]]
            cv2.erode(edge, _SQUARE, dst=inner)
            cv2.subtract(edge, inner, dst=ring)
            cv2.bitwise_and(ring, within, dst=ring)
            _mix(area.of(result), area.of(real), ring, 1 - step / (WIDTH + 1))
            edge = inner


def _mix(result: Image, real: Image, ring: Image, share: float) -> None:
    points = cv2.findNonZero(ring)
    if points is None:
        return
    x, y = points[:, 0, 0], points[:, 0, 1]
    mixed = real[y, x] * np.float32(share) + result[y, x] * np.float32(1 - share)
    result[y, x] = (mixed + 0.5).astype(np.uint8)
