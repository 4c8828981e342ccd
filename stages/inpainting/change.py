"""ChangeTest: was the scene cut, or the camera thrown round, since the background was learned?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

TILE = 40  # pixels, about
STEP = 4  # every so many pixels of every so many rows are looked at
DIFFERENT = 0.06  # share of a tile's known pixels that must differ for the tile to count as changed
CHANGED = 0.5  # share of changed tiles that no longer can be things moving in front of a still camera


class ChangeTest:
    """Counts tiles, not pixels: one large moving thing does not outvote a still background, nor noise a flat wall."""

    def __init__(self, height: int, width: int) -> None:
        self._tiles = max(1, round(width / TILE)), max(1, round(height / TILE))

    def happened(self, free: Image, differs: Image, votes: Image) -> bool:
        """Not hidden; not hidden and of another colour than remembered (both 0 or 255); 0 where none is remembered.

        All uint8 [H, W]."""
        known = (votes[::STEP, ::STEP] > 0).view(np.uint8)
        seen = self._shares(free, known)
        judged = seen > 0.25
        if not judged.any():
            return False
        changed = self._shares(differs, known)[judged] / seen[judged]
        return bool((changed > DIFFERENT).mean() > CHANGED)

    def _shares(self, where: Image, known: Image) -> NDArray[np.float32]:
        """The share of each tile's pixels that are known and set in `where`."""
        both = (where[::STEP, ::STEP] & known).astype(np.float32)
        return cv2.resize(both, self._tiles, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]
