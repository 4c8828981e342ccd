"""Plate: the background seen so far, put into the holes where it is known; knows no model."""

from __future__ import annotations

from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform
from stages.inpainting.change import ChangeTest
from stages.inpainting.seam import Seam

MAX_VOTES = 60  # frames a colour must be contradicted after having been seen for long
PROVEN = 2  # frames a colour must have been seen, one after the other, to be shown


class Plate(Transform):
    """Remembers a colour for every pixel, with votes for it, from pixels outside the mask only.

    A frame that agrees with the remembered colour is a vote for it and moves it by at most one level towards what is
    seen; one that disagrees takes a vote away; a colour without votes is replaced. So noise and slow light are
    followed, and a person who goes undetected for some frames does not get into the plate. A cut or a moving camera
    makes it forget everything: a wrong plate is worse than none.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "mask")
    writes: ClassVar[tuple[str, ...]] = ("filled", "rest")
    stateful: ClassVar[bool] = True

    tolerance: int = Field(default=16, ge=1, le=128, description="levels of grey within which a pixel is unchanged")

    _scratch: dict[str, NDArray[Any]] = PrivateAttr()
    _change: ChangeTest = PrivateAttr()
    _seam: Seam = PrivateAttr()

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        """`color`: the background, BGR; `votes`: frames that speak for it, 0 where nothing is known."""
        size = (spec.height, spec.width)
        return {"color": ((*size, 3), "u1"), "votes": (size, "u1")}

    def setup(self, spec: FrameSpec) -> None:
        size = (spec.height, spec.width)
        self._scratch = {name: np.empty(size, np.uint8) for name in ("free", "differs", "lost", "known", "votes")}
        self._scratch["color"] = np.empty((*size, 3), np.uint8)
        self._change = ChangeTest(*size)
        self._seam = Seam(*size)

    def process(self, frame: Frame) -> None:
        """Learn from what is outside the mask; write `filled` and `rest`."""
        color, votes = frame.before["color"], frame.before["votes"]
        free, differs = self._scratch["free"], self._scratch["differs"]
        cv2.compare(frame.mask, 0, cv2.CMP_EQ, dst=free)
        self._compare(frame.image, color, differs)
        if self._change.happened(frame.image, color, votes, free, differs):
            votes = self._scratch["votes"]
            votes[:] = 0
        self._learn(frame, color, votes)
        self._fill(frame)

    def _compare(self, image: Image, color: Image, differs: Image) -> None:
        difference, gray = self._scratch["color"], self._scratch["lost"]
        cv2.absdiff(image, color, dst=difference)
        cv2.cvtColor(difference, cv2.COLOR_BGR2GRAY, dst=gray)
        cv2.compare(gray, self.tolerance, cv2.CMP_GT, dst=differs)

    def _learn(self, frame: Frame, color: Image, votes: Image) -> None:
        """Make the next state of the memory, every pixel of it."""
        free, differs, lost, known = (self._scratch[name] for name in ("free", "differs", "lost", "known"))
        new_color, new_votes = frame.after["color"], frame.after["votes"]
        # Votes: +1 where seen and alike, -1 where seen and different, as they were where hidden.
        cv2.bitwise_and(free, differs, dst=lost)
        cv2.subtract(free, lost, dst=known)  # here: seen and alike
        cv2.bitwise_and(known, 1, dst=known)
        cv2.add(votes, known, dst=new_votes)
        cv2.bitwise_and(lost, 1, dst=known)
        cv2.subtract(new_votes, known, dst=new_votes)
        cv2.min(new_votes, MAX_VOTES, dst=new_votes)
        # Colour: one level towards what is seen; all of it where nothing speaks for the old one any more.
        step = self._scratch["color"]
        cv2.subtract(color, (1, 1, 1, 0), dst=step)
        cv2.max(frame.image, step, dst=new_color)
        cv2.add(color, (1, 1, 1, 0), dst=step)
        cv2.min(new_color, step, dst=new_color)
        cv2.copyTo(color, frame.mask, new_color)
        self._adopt(frame.image, votes, new_color, new_votes)

    def _adopt(self, image: Image, votes: Image, new_color: Image, new_votes: Image) -> None:
        free, lost, adopted = (self._scratch[name] for name in ("free", "lost", "known"))
        cv2.compare(new_votes, 0, cv2.CMP_EQ, dst=adopted)
        cv2.bitwise_and(adopted, lost, dst=adopted)
        cv2.compare(votes, 0, cv2.CMP_EQ, dst=lost)
        cv2.bitwise_or(adopted, lost, dst=adopted)
        cv2.bitwise_and(adopted, free, dst=adopted)
        cv2.copyTo(image, adopted, new_color)
        new_votes[adopted > 0] = 1

    def _fill(self, frame: Frame) -> None:
        """Known hole pixels from the plate, a soft seam at the hole's outer edge, the unknown ones into `rest`."""
        known, new_color, new_votes = self._scratch["known"], frame.after["color"], frame.after["votes"]
        cv2.compare(new_votes, PROVEN, cv2.CMP_GE, dst=known)
        cv2.bitwise_and(known, frame.mask, dst=known)
        cv2.subtract(frame.mask, known, dst=frame.rest)
        new_votes[frame.rest > 0] = 0  # hidden before it was proven: begins again
        np.copyto(frame.filled, frame.image)
        cv2.copyTo(new_color, known, frame.filled)
        self._seam.blend(frame.filled, frame.image, frame.mask, known)
