"""Background: one colour per pixel with votes for it, learned from pictures with holes; knows no camera, no stage."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Arrays, Image, Layout
from stages.box import tight_box

MAX_VOTES = 60  # frames by which a colour must be contradicted after having been seen for long
PROVEN = 2  # frames for which a colour must have been seen before it is shown
BAND = 96  # rows that are worked on at a time: they stay in the core's own cache

_SQUARE = np.ones((3, 3), np.uint8)


class Background:
    """A majority vote in every pixel: a frame that agrees with the remembered colour votes for it and draws it by at
    most one level towards what is seen, one that disagrees takes a vote away, and a colour without votes is replaced.

    So noise and slow light are followed, and somebody who is missed by the segmenter for some frames is not learned.
    Nothing is learned where the picture is hidden; what was hidden before it was proven has to begin again.
    """

    def __init__(self, height: int, width: int, tolerance: int) -> None:
        """`tolerance`: levels by which each of blue, green and red may differ in two colours that agree."""
        self._tolerance = tolerance
        self._bands = [slice(first, min(first + BAND, height)) for first in range(0, height, BAND)]
        self._color = np.empty((BAND, width, 3), np.uint8)
        self._parts = tuple(np.empty((BAND, width), np.uint8) for _ in range(3))
        self._none = np.zeros((height, width), np.uint8)
        self._differs, self._alike, self._adopted = (np.empty((height, width), np.uint8) for _ in range(3))

    @staticmethod
    def memory(height: int, width: int) -> Layout:
        """`color`: BGR; `votes`: frames that speak for it, 0 where nothing is known."""
        return {"color": ((height, width, 3), "u1"), "votes": ((height, width), "u1")}

    def compare(self, image: Image, free: Image, before: Arrays) -> Image:
        """Where the picture is open (`free`) and its colour is not the remembered one, uint8 [H, W] of 0 and 255.

        It is valid until the next call; `learn` builds on it."""
        for rows in self._bands:
            differs = self._differs[rows]
            parts = [part[: len(differs)] for part in self._parts]
            off = cv2.absdiff(image[rows], before["color"][rows], dst=self._color[: len(differs)])
            blue, green, red = cv2.split(off, parts)
            cv2.max(cv2.max(blue, green, dst=blue), red, dst=differs)
            cv2.compare(differs, self._tolerance, cv2.CMP_GT, dst=differs)
            cv2.bitwise_and(differs, free[rows], dst=differs)
        return self._differs

    def learn(self, image: Image, free: Image, before: Arrays, after: Arrays, forget: bool) -> None:
        """Write every pixel of `after` from `before` and one picture. `compare` must have been called on it.

        With `forget`, whatever is remembered counts for nothing."""
        votes = self._none if forget else before["votes"]
        for rows in self._bands:
            self._vote(votes[rows], free[rows], after["votes"][rows], rows)
            self._step(image[rows], before["color"][rows], after["color"][rows])
            hidden = cv2.bitwise_not(free[rows], dst=self._alike[rows])
            cv2.copyTo(before["color"][rows], hidden, after["color"][rows])
            cv2.copyTo(image[rows], self._adopted[rows], after["color"][rows])

    def known(self, mask: Image, after: Arrays, out: Image) -> None:
        """Set `out` to 255 where the hole `mask` can be filled; what it cannot fill is forgotten.

        That is where a colour is proven, and where a single noisy pixel, seen once, lies between proven ones."""
        out[:] = 0
        hole = tight_box(mask)
        if hole is None:
            return
        area = hole.grown(2, *mask.shape)  # two more, so that the closing sees what is around
        votes, shown, hidden, scratch = (area.of(plane) for plane in (after["votes"], out, mask, self._alike))
        cv2.compare(votes, PROVEN, cv2.CMP_GE, dst=shown)
        cv2.morphologyEx(shown, cv2.MORPH_CLOSE, _SQUARE, dst=shown)
        cv2.min(shown, hidden, dst=shown)
        cv2.compare(votes, 0, cv2.CMP_GT, dst=scratch)
        cv2.bitwise_and(shown, scratch, dst=shown)
        cv2.subtract(hidden, shown, dst=scratch)
        cv2.copyTo(area.of(self._none), scratch, votes)

    def _vote(self, votes: Image, free: Image, new_votes: Image, rows: slice) -> None:
        """Count, and set `_adopted` where the picture's own colour has to be taken over."""
        differs, alike, adopted = self._differs[rows], self._alike[rows], self._adopted[rows]
        cv2.subtract(free, differs, dst=alike)
        np.subtract(votes, alike, out=new_votes)  # 255 is -1: one vote more
        np.add(new_votes, differs, out=new_votes)  # one vote less; what wraps round below 0 is adopted anyway
        cv2.min(new_votes, MAX_VOTES, dst=new_votes)
        cv2.compare(new_votes, 0, cv2.CMP_EQ, dst=adopted)
        cv2.compare(votes, 0, cv2.CMP_EQ, dst=alike)
        cv2.bitwise_or(adopted, alike, dst=adopted)
        cv2.bitwise_and(adopted, free, dst=adopted)
        cv2.min(adopted, 1, dst=alike)
        cv2.copyTo(alike, adopted, new_votes)

    def _step(self, image: Image, color: Image, new_color: Image) -> None:
        """Every colour by at most one level towards the picture's."""
        bound = self._color[: len(color)]
        cv2.subtract(color, (1, 1, 1, 0), dst=bound)
        cv2.max(image, bound, dst=new_color)
        cv2.add(color, (1, 1, 1, 0), dst=bound)
        cv2.min(new_color, bound, dst=new_color)
