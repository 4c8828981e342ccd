"""Label maps: which pixel belongs to which row of what was found; knows no network."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.base import Instances, Patch
from pipeline.frame import LOW, OBJECT, Image, Table
from stages.box import Box
from stages.segmentation.growth import dilate

MOST = 255  # rows that a label map can tell apart


def to_rows(found: Instances, confidence: float = 0.0) -> Table:
    """Instances as rows of the `objects` plane: untracked, without landmarks. Below `confidence` they are LOW."""
    rows = np.zeros(len(found), OBJECT)
    rows["track"] = -1
    rows["cls"], rows["score"], rows["box"] = found.classes, found.scores, found.boxes
    rows["flags"] = np.where(found.scores < confidence, LOW, 0)
    rows["landmarks"] = np.nan
    return rows


class Labeller:
    """Writes label maps of one size; keeps what it needs for that, so that no picture costs new memory."""

    def __init__(self, height: int, width: int) -> None:
        self._grown, self._open = (np.zeros((height, width), np.uint8) for _ in range(2))

    def label(self, patches: Sequence[Patch], sure: int, grow: int, out: Image) -> None:
        """Set `out` to n wherever patch n - 1 (best first, MOST of them count) covers, grown by `grow` pixels, else 0.

        The first `sure` patches keep all of their own pixels, whoever grows beside them. The others get what is left:
        they may turn out to be nothing, and then no object has lost its rim to them.
        """
        out[:] = 0
        sure = min(sure, MOST)
        _paint(patches[:sure], 1, out)
        if grow:
            for number, patch in enumerate(patches[:sure], 1):
                self._claim(patch, number, grow, out)
        for number, patch in enumerate(patches[sure:MOST], sure + 1):
            self._claim(patch, number, grow, out)

    def _claim(self, patch: Patch, number: int, grow: int, out: Image) -> None:
        """Give `number` the pixels in and around the patch that are nobody's."""
        height, width = patch.mask.shape
        box = Box(patch.x, patch.y, patch.x + width, patch.y + height)
        area = box.grown(grow, *out.shape)
        grown, free, labels = area.of(self._grown), area.of(self._open), area.of(out)
        grown[:] = 0
        box.of(self._grown)[:] = patch.mask
        if grow:
            dilate(grown, grow)
        np.equal(labels, 0, out=free, casting="unsafe")
        free *= np.uint8(number)
        cv2.bitwise_and(free, grown, dst=free)
        cv2.bitwise_or(labels, free, dst=labels)


def _paint(patches: Sequence[Patch], first: int, out: Image) -> None:
    """The best is painted last: it wins."""
    for number, patch in reversed(list(enumerate(patches, first))):
        height, width = patch.mask.shape
        view = out[patch.y : patch.y + height, patch.x : patch.x + width]
        view &= ~patch.mask
        view |= patch.mask & np.uint8(number)
