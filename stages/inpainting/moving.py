"""Moving: the plate of a camera that moves; follows its way, keeps pictures, fills holes from them, invents nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.frame import Arrays, Frame, Image, Layout
from stages.inpainting.gathering import Gathering, View
from stages.inpainting.keyframes import Keyframes, chain
from stages.inpainting.motion import IDENTITY, Homography, register

EVERY = 2  # frames between two that are kept
REMEMBERED = 32  # steps of the camera
STILL = 0.12  # pixels in one step, of the reduced picture, that a camera may seem to move while it stands
STANDS, MOVES = 0.2, 0.6  # pixels, of the reduced picture, that the plate may be off its place, and may never be
SUSPECT = 4  # frames in a row in which it must be off by something between: leaves sway to and fro
CALM = 8  # frames for which it must stand

STEP = np.dtype([("index", "<i4"), ("from", "<i4"), ("back", "<f8", (3, 3))])
WAY = np.dtype([("moving", "u1"), ("since", "<i4"), ("calm", "<i4"), ("last", "<i4"), ("steps", STEP, (REMEMBERED,))])


class Moving:
    """The way of the camera and its keyframes. `begin` and `end` stand around every frame, whatever the camera does."""

    def __init__(self, height: int, width: int) -> None:
        self.keys = Keyframes(height, width)
        self._gathering = Gathering(self.keys)
        self._way: Any = np.zeros(1, WAY)[0]
        self._grey = self._open = np.empty(0, np.uint8)

    def memory(self) -> Layout:
        """The way, as bytes; the last picture, reduced, and where it was open."""
        small = self.keys.reduced.height, self.keys.reduced.width
        own: Layout = {"way": ((WAY.itemsize,), "u1"), "grey": (small, "u1"), "open": (small, "u1")}
        return own | self.keys.memory()

    def pool(self) -> Layout:
        return self.keys.pool()

    def begin(self, before: Arrays, pool: Arrays) -> None:
        self._way = before["way"].view(WAY).copy()[0]
        self.keys.begin(before, pool)
        self._grey = np.empty(0, np.uint8)

    def end(self, before: Arrays, after: Arrays) -> None:
        after["way"].view(WAY)[0] = self._way
        self.keys.end(after)
        moving = self.moves
        np.copyto(after["grey"], self._grey if moving else before["grey"])
        np.copyto(after["open"], self._open if moving else before["open"])

    @property
    def moves(self) -> bool:
        return bool(self._way["moving"])

    @property
    def since(self) -> int:
        """The frame from which on the camera stands, or the scene is this one."""
        return int(self._way["since"])

    @property
    def suspects(self) -> bool:
        """Whether the camera, held to stand, may be moving after all."""
        return bool(self._way["calm"])

    # The camera's way

    def stood(self, index: int) -> None:
        """In this frame it has not moved."""
        self._way["calm"] = 0
        self._note(index, IDENTITY)

    def look(self, image: Image, hidden: Image) -> None:
        """The present picture and where it does not show the scene."""
        self._grey = self.keys.reduced.grey(image)
        self._open = self.keys.reduced.open(hidden)

    def start(self, index: int, picture: Image, hole: Image, given: Image) -> bool | None:
        """It seems to move for the first time: the plate so far becomes a keyframe, the way into it is looked for.

        None where there is none: another scene. False where it is in its place after all, and other things move."""
        reduced = self.keys.reduced
        found = register(self._grey, reduced.grey(picture), self._open, reduced.open(hole))
        if found is None:
            return None
        self._way["calm"] = self._way["calm"] + 1 if found.off > STANDS else 0
        if found.off < MOVES and self._way["calm"] < SUSPECT:
            self._note(index, IDENTITY)
            return False
        if self.keys.newest >= index - 1:
            self.keys.forget()
        self.keys.keep(index - 1, picture, hole, IDENTITY, invented=given)
        self._way["moving"], self._way["calm"] = 1, 0
        self._step(index, reduced.full(found.homography))
        return True

    def go_on(self, index: int, before: Arrays) -> bool:
        """It was moving: how far since the last frame? False where that cannot be said, as over a cut."""
        found = register(self._grey, before["grey"], self._open, before["open"])
        if found is None:
            return False
        self._step(index, self.keys.reduced.full(found.homography))
        self.keys.correct(index, self._grey, self._open)
        self._rest(index, found.off)
        return True

    def forget(self, index: int) -> None:
        """Another scene: a camera that stands, until it moves."""
        self.keys.forget()
        self._way["moving"], self._way["since"] = 0, index
        self._note(index, IDENTITY)
        self._way["steps"]["index"][index % REMEMBERED] = -1  # no way leads back

    def _step(self, index: int, back: Homography) -> None:
        self._note(index, back)
        self.keys.moved(back)

    def _note(self, index: int, back: Homography) -> None:
        """`back` leads to the frame noted last, which is not the one before where frames drop."""
        self._way["steps"][index % REMEMBERED] = (index, self._way["last"], back)
        self._way["last"] = index

    def _rest(self, index: int, off: float) -> None:
        """Has it come to a stand? By this step and those before, and by the picture of then beside that of now."""
        self._way["calm"] = self._way["calm"] + 1 if off < STILL else 0
        if self._way["calm"] < CALM:
            return
        self._way["calm"] = 0
        then = [slot for slot in self.keys.newest_first if self.keys.table["index"][slot] <= index - CALM + EVERY]
        if then:
            grey, shown = self.keys.grey(then[0]), self.keys.shown(then[0])
            found = register(self._grey, grey, self._open, shown)
            if found is not None and found.off < STANDS:
                self._way["moving"], self._way["since"] = 0, index

    # Holes

    def fill(self, index: int, image: Image, hidden: Image, needed: Image, out: Image) -> Image:
        """Write into `out` what the keyframes know of the pixels in `needed`; where, uint8 [H, W]."""
        if not self._grey.size:
            self.look(image, hidden)
        return self._gathering.fill(View(index, image, hidden, self._grey, self._open), needed, out)

    def keep(self, frame: Frame, finished: Frame | None) -> None:
        """Keep a picture: a finished frame with what was invented in it, else the present one with its holes."""
        if finished is not None:
            invented = bool(finished.rest.any())
            way = chain(self._way["steps"], frame.index, finished.index)
            since = finished.index - self.keys.newest
            if way is not None and (since >= EVERY or (invented and since > 0)):
                planes = {"invented": finished.rest, "reused": finished.mask}
                self.keys.keep(finished.index, finished.clean, finished.mask, way, **planes)
        elif frame.index - self.keys.newest >= EVERY:
            self.keys.keep(frame.index, frame.image, frame.mask, IDENTITY)
