"""Keyframes: pictures kept from a moving camera, each with the way from the present picture into it; fills no hole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Image, Layout
from stages.inpainting.motion import IDENTITY, Homography, Reduced, register

SLOTS, SLOTS_LARGE = 9, 5  # pictures; one of them is always free to be written
LARGE = 1920 * 1088  # pixels
SEEN, INVENTED, REUSED = 255, 2, 1  # kinds of pixels: of the scene, of an inpainter, out of the memory itself
_EDGE = np.ones((5, 5), np.uint8)  # what lies next to a hole may show a trace of what is in it

KEY = np.dtype([("used", "u1"), ("index", "<i4"), ("way", "<f8", (3, 3))])


class Keyframes:
    """A table in the stage's lasting memory, and the pictures it points to in the stage's pool.

    Recent ones lie close together, old ones far apart: of two neighbours in time that are close for their age, one goes
    when room is needed. `way` maps pixels of the present picture to those of the kept one.
    """

    def __init__(self, height: int, width: int) -> None:
        self._slots = SLOTS if height * width <= LARGE else SLOTS_LARGE
        self.reduced = Reduced.of(height, width)
        self._size = height, width
        self.table: NDArray[np.void] = np.zeros(self._slots, KEY)
        self._committed: NDArray[np.uint8] = self.table["used"].copy()
        self._pool: Arrays = {}

    def memory(self) -> Layout:
        """The table, as plain bytes."""
        return {"keys": ((self._slots * KEY.itemsize,), "u1")}

    def pool(self) -> Layout:
        """`pictures` BGR, `kinds` (SEEN, ...), `greys` reduced."""
        height, width = self._size
        small = self._slots, self.reduced.height, self.reduced.width
        return {
            "pictures": ((self._slots, height, width, 3), "u1"),
            "kinds": ((self._slots, height, width), "u1"),
            "greys": (small, "u1"),
        }

    def begin(self, before: Arrays, pool: Arrays) -> None:
        """Take up the table that the last frame left."""
        self.table = before["keys"].view(KEY).copy()
        self._committed = self.table["used"].copy()  # a frame done again looks at these once more
        self._pool = pool

    def end(self, after: Arrays) -> None:
        after["keys"].view(KEY)[:] = self.table

    def forget(self) -> None:
        self.table["used"] = 0

    @property
    def newest_first(self) -> list[int]:
        """The slots in use."""
        used = np.flatnonzero(self.table["used"])
        return [int(slot) for slot in used[np.argsort(-self.table["index"][used])]]

    @property
    def newest(self) -> int:
        """The number of the frame that was kept last, -1 where there is none."""
        slots = self.newest_first
        return int(self.table["index"][slots[0]]) if slots else -1

    def picture(self, slot: int) -> Image:
        return self._pool["pictures"][slot]  # type: ignore[no-any-return]

    def kinds(self, slot: int) -> Image:
        return self._pool["kinds"][slot]  # type: ignore[no-any-return]

    def grey(self, slot: int) -> Image:
        return self._pool["greys"][slot]  # type: ignore[no-any-return]

    def shown(self, slot: int) -> Image:
        """255 where the kept picture shows the scene itself, reduced."""
        return self.reduced.open(cv2.bitwise_not(self.kinds(slot)))

    def way(self, slot: int) -> Homography:
        """From the present picture into the kept one, in pixels of the full size."""
        return self.table["way"][slot]  # type: ignore[no-any-return]

    def moved(self, step: Homography) -> None:
        """The camera has moved: `step` maps the present picture to the one before."""
        self.table["way"] = self.table["way"] @ step

    def keep(
        self,
        index: int,
        picture: Image,
        hole: Image,
        way: Homography,
        *,
        invented: Image | None = None,
        reused: Image | None = None,
    ) -> None:
        """Keep a picture of the past, one in each frame. `hole` [H, W] is where it does not show the scene: there it
        shows an inpainter's work where `invented` is set, what this memory itself gave where only `reused` is, else
        nothing."""
        slot = int(np.flatnonzero((self.table["used"] | self._committed) == 0)[0])
        kinds = self.kinds(slot)
        np.copyto(self.picture(slot), picture)
        cv2.compare(cv2.dilate(hole, _EDGE), 0, cv2.CMP_EQ, dst=kinds)
        for where, kind in ((reused, REUSED), (invented, INVENTED)):
            if where is not None:
                kinds[(hole > 0) & (where > 0)] = kind
        np.copyto(self.grey(slot), self.reduced.grey(picture))
        self.table[slot] = 1, index, way
        if self.table["used"].all():
            self._thin_out(index)

    def correct(self, index: int, grey: Image, open_now: Image) -> None:
        """Look again at the way into one of them, each in its turn: what is put together from steps drifts."""
        slots = self.newest_first
        if not slots:
            return
        slot = slots[index // 2 % len(slots)] if index % 2 else slots[0]
        guess = self.reduced.small(self.way(slot))
        found = register(grey, self.grey(slot), open_now, self.shown(slot), guess)
        if found is not None:
            self.table["way"][slot] = self.reduced.full(found.homography)

    def _thin_out(self, now: int) -> None:
        slots = self.newest_first
        ages = [now - int(self.table["index"][slot]) + 1 for slot in slots]
        gaps = [(ages[at + 1] - ages[at - 1]) / ages[at] for at in range(1, len(slots) - 1)]
        self.table["used"][slots[1 + int(np.argmin(gaps))]] = 0


def chain(steps: NDArray[np.void], present: int, past: int) -> Homography | None:
    """The way from one frame to an earlier one by the steps between; None where they are not all known."""
    way = IDENTITY
    while present > past:
        step = steps[present % len(steps)]
        if step["index"] != present:
            return None
        way, present = step["back"] @ way, int(step["from"])
    return way if present == past else None
