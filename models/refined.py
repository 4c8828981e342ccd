"""Refined: a matte from a mask: alpha follows the colours at its edge, holds still in time, and has its own colours."""

from __future__ import annotations

import cv2
import numpy as np

from models.band import Band
from models.base import Image, Memory, MemoryLayout, ModelInfo
from models.edges import Edge, Edges, bounded
from models.guided import Plane
from models.steady import Steady
from models.warming import rehearse

WORKED = 640  # pixels of the long side at which alpha is worked out; its function of the colours then holds at any size
MARGIN = 4  # times the reach of an edge: so far around the mask colours count


def step(height: int, width: int) -> int:
    """Pixels of the picture, along each side, that make one at the size that is worked at."""
    return max(1, -(-max(height, width) // WORKED))


def memory(height: int, width: int) -> MemoryLayout:
    """`alpha`: the last one, at the size at which it is worked out; `grey`: the picture then; `known`: 1."""
    by = step(height, width)
    size = -(-height // by), -(-width // by)
    return {"alpha": (size, "u1"), "grey": (size, "u1"), "known": ((1,), "u1")}


class Refined:
    """Needs no weights: a mask of who is in front, and the picture. Follows `models.base.Matter`."""

    def __init__(self, *, steady: float = 0.6, softness: float = 1.0) -> None:
        """`steady`: 0 to below 1, how much of the last matte is kept where the picture has not changed; `softness`:
        times the usual width of the band around the mask's edge in which alpha is worked out."""
        self.info = ModelInfo("refined", "OpenCV")
        self._steady, self._edges = Steady(steady), Edges(softness)

    def matte(
        self, image: Image, mask: Image | None, before: Memory, after: Memory, alpha: Image, colours: Image
    ) -> None:
        """See `models.base.Matter`. Beyond the reach of the mask's edge the colours are black."""
        assert mask is not None, "a matte is refined from a mask"
        by = step(*mask.shape)
        small = _reduced(image, by)
        cv2.cvtColor(small, cv2.COLOR_BGR2GRAY, dst=after["grey"])
        alpha[:], colours[:], after["alpha"][:], after["known"][:] = 0, 0, 0, 1
        rough = cv2.threshold(_reduced(mask, by), 127, 255, cv2.THRESH_BINARY)[1]
        reach = self._edges.reach(max(rough.shape))
        x, y, wide, high = cv2.boundingRect(cv2.dilate(rough, np.ones((2, 2), np.uint8)))
        if not wide:
            return
        rows = slice(max(0, y - MARGIN * reach), y + high + MARGIN * reach)
        columns = slice(max(0, x - MARGIN * reach), x + wide + MARGIN * reach)
        part = rows, columns
        tones = small[part].astype(np.float32) / 255
        edge = self._edges.find(np.ascontiguousarray(small[part]), tones, np.ascontiguousarray(rough[part]), reach)
        steadied = self._steadied(edge, part, before, after)
        after["alpha"][part] = np.rint(255 * steadied)
        band = Band(edge, by, part, image.shape[:2])
        band.fill(image, edge, steadied, tones, alpha, colours)

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base.Matter`."""
        return rehearse(self, memory(height, width), height, width)

    def _steadied(self, edge: Edge, part: tuple[slice, slice], before: Memory, after: Memory) -> Plane:
        if not before["known"][0]:
            return edge.alpha
        grey, last, former = (np.ascontiguousarray(a[part]) for a in (after["grey"], before["alpha"], before["grey"]))
        return bounded(self._steady.mixed(edge.alpha, grey, last, former), edge.inner, edge.outer)


def _reduced(picture: Image, by: int) -> Image:
    """One pixel of the average of `by` times `by`; the last ones are repeated where the size is no multiple."""
    if by == 1:
        return picture
    height, width = picture.shape[:2]
    below, right = -height % by, -width % by
    if below or right:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = picture.shape[1] // by, picture.shape[0] // by
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]
