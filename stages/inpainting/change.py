"""ChangeTest: has the camera moved, or the scene been cut, since the plate was learned?"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image

TILE = 40  # pixels, about
DIFFERENT = 0.06  # share of a tile's known pixels that must differ for the tile to count as changed
CHANGED = 0.35  # share of changed tiles that no longer can be things moving in front of a still camera


class ChangeTest:
    """Looks at tiles, so that one large moving thing does not outvote a still background, nor noise a flat wall."""

    def __init__(self, height: int, width: int) -> None:
        self._size = max(1, round(width / TILE)), max(1, round(height / TILE))
        self._seen = np.empty((height, width), np.uint8)

    def happened(self, image: Image, color: Image, votes: Image, free: Image, differs: Image) -> bool:
        seen = self._seen
        cv2.compare(votes, 0, cv2.CMP_GT, dst=seen)
        cv2.bitwise_and(seen, free, dst=seen)
        known = cv2.resize(seen, self._size, interpolation=cv2.INTER_AREA)
        cv2.bitwise_and(seen, differs, dst=seen)
        changed = cv2.resize(seen, self._size, interpolation=cv2.INTER_AREA)
        judged = known > 64
        if not judged.any():
            return False
        share = changed[judged].astype(np.float32) / known[judged]
        return bool((share > DIFFERENT).mean() > CHANGED)
