"""A closer look: the segmenter again on a square around one place, at its full resolution."""

from __future__ import annotations

import numpy as np

from models.base import Segmenter
from stages.target.candidates import Candidate, Floats, Sight, from_instances, mask_iou

ROOM = 0.6  # of a target's longer side, left free on each side of it
LEAST = 48  # pixels of the full picture
EDGE = 2  # pixels from a window's edge at which what was found there is taken to be cut off


class CloseLook:
    """Windows are square, or the whole picture, so that a network meets two shapes only."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self.name = segmenter.info.name

    def at(self, sight: Sight, box: Floats) -> list[Candidate]:
        """What is found around `box` (of the small picture). Raises FloatingPointError: see `Segmenter.segment`."""
        height, width = sight.image.shape[:2]
        x0, y0, x1, y1 = window(sight.small.full_box(box), height, width)
        part = np.ascontiguousarray(sight.image[y0:y1, x0:x1])
        found = from_instances(self._segmenter.segment(part), x0, y0, sight)
        return [one for one in found if not _cut_off(one, (x0, y0, x1, y1), height, width)]

    def warm_up(self, height: int, width: int) -> float:
        """Seconds of the slowest later step, over both shapes."""
        side = min(height, width)
        return max(self._segmenter.warm_up(height, width), self._segmenter.warm_up(side, side))


def window(box: Floats, height: int, width: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 of the square around `box` in a picture of that size; the whole picture where the box needs it."""
    size = float(max(box[2] - box[0], box[3] - box[1]))
    side = min(max(LEAST, round(size * (1 + 2 * ROOM))), height, width)
    if size * 1.1 > side:
        return 0, 0, width, height
    x, y = (box[:2] + box[2:]) / 2
    x0, y0 = (int(np.clip(round(at - side / 2), 0, end - side)) for at, end in ((x, width), (y, height)))
    return x0, y0, x0 + side, y0 + side


def _cut_off(one: Candidate, area: tuple[int, int, int, int], height: int, width: int) -> bool:
    """Whether it ends at an edge of the window that is none of the picture."""
    x, y = one.fine.x, one.fine.y
    rows, columns = one.fine.mask.shape
    x0, y0, x1, y1 = area
    return (
        (x0 > 0 and x < x0 + EDGE)
        or (y0 > 0 and y < y0 + EDGE)
        or (x1 < width and x + columns > x1 - EDGE)
        or (y1 < height and y + rows > y1 - EDGE)
    )


def merged(close: list[Candidate], far: list[Candidate]) -> list[Candidate]:
    """The candidates of a close look, and those of the whole picture that it does not show."""
    kept = [one for one in far if all(one.cls != other.cls or mask_iou(one, other) < 0.5 for other in close)]
    return close + kept
