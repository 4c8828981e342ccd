"""Band: the pixels of a picture in which alpha is neither sure 0 nor sure 1; only there is anything computed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.edges import Edge
from models.front import front_colours, unmixed
from models.guided import Plane

ROW = 256  # pixels of the band that lie side by side while they are worked on: OpenCV takes no endless rows


class Band:
    """Carries an edge that was found at a reduced size over to the picture itself."""

    def __init__(self, edge: Edge, by: int, part: tuple[slice, slice], size: tuple[int, ...]) -> None:
        """`by`: pixels of the picture for one of the edge, along each side; `part`: rows and columns of the reduced
        picture that the edge covers; `size`: height and width of the picture."""
        self._by = by
        top, left = part[0].start * by, part[1].start * by
        height, width = edge.alpha.shape
        bottom, right = min(size[0], top + height * by), min(size[1], left + width * by)
        self._whole = slice(top, bottom), slice(left, right)
        self._inner = self._enlarged(edge.inner)
        doubtful = cv2.subtract(self._enlarged(edge.outer), self._inner)
        self._at = np.nonzero(doubtful)
        count = len(self._at[0])
        self._rows = max(1, -(-count // ROW))
        self._across, self._down = (self._laid(places) for places in self._at[::-1])

    def fill(self, image: Image, edge: Edge, steadied: Plane, tones: Plane, alpha: Image, colours: Image) -> None:
        """Write `alpha` and `colours` where the mask reaches; `steadied`: the alpha at the reduced size that is wanted,
        `tones` the picture there, float32 [h, w, 3] of 0..1."""
        seen, share, shown = image[self._whole], alpha[self._whole], colours[self._whole]
        share[:] = self._inner
        cv2.copyTo(seen, self._inner, shown)
        here = seen[self._at].astype(np.float32) / 255
        found = self._alpha(here, edge, steadied)
        front, back = (self._sampled(part) for part in front_colours(tones, steadied))
        share[self._at] = np.rint(255 * found)
        shown[self._at] = np.clip(255 * unmixed(here, found, front, back) + 0.5, 0, 255)

    def _alpha(self, here: Plane, edge: Edge, steadied: Plane) -> Plane:
        """Float32 [N]: the function of the colours, and what time has changed of it, within the bounds."""
        slopes = self._sampled(edge.linear.slopes)
        rest = self._sampled(cv2.merge([edge.linear.offset, steadied - edge.alpha]))
        found = np.einsum("nc,nc->n", slopes, here) + rest[:, 0]
        return np.clip(np.clip(found, 0, 1) + rest[:, 1], 0, 1)  # type: ignore[no-any-return]

    def _sampled(self, part: Plane) -> Plane:
        """[h, w, C] of the reduced size at the pixels of the band: [N, C]."""
        found = cv2.remap(part, self._across, self._down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return found.reshape(-1, part.shape[2])[: len(self._at[0])]  # type: ignore[no-any-return]

    def _laid(self, places: NDArray[np.intp]) -> Plane:
        """Where those rows or columns are in the reduced picture, in rows of ROW."""
        laid = np.zeros(self._rows * ROW, np.float32)
        laid[: len(places)] = (places + 0.5) / self._by - 0.5
        return laid.reshape(self._rows, ROW)

    def _enlarged(self, part: Image) -> Image:
        tall, wide = (stretch.stop - stretch.start for stretch in self._whole)
        size = part.shape[1] * self._by, part.shape[0] * self._by
        return cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)[:tall, :wide]  # type: ignore[no-any-return]
