"""Plate: puts the background seen so far into the holes where it is known; knows no model."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image, Layout
from pipeline.stage import Transform, live
from stages.box import tight_box
from stages.inpainting.grain import Grain, noise_of
from stages.inpainting.ladder import Level
from stages.inpainting.moving import Moving
from stages.inpainting.seam import Seam
from stages.inpainting.standing import Standing

AROUND = 24  # pixels around a hole from which its grain is taken
STRIDE = 97, 61  # pixels by which the pattern moves on
WELL = Level.SMALL  # the worst level of inpainting that is worth remembering


class Plate(Transform):
    """Remembers what was seen where the mask is now, and what was invented where nothing was.

    While the camera stands it learns in place (standing.py); when it moves, what was learned becomes the first of
    several pictures that are looked into along the camera's way (moving.py). A cut makes it forget everything: a wrong
    plate is worse than none. Where it is newly said what is to be removed (`Frame.choice`), it forgets what is masked
    now and was not before: that is what was seen there, not what is behind it.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "mask")
    may_read: ClassVar[tuple[str, ...]] = ("objects",)
    writes: ClassVar[tuple[str, ...]] = ("filled", "rest")
    recalls: ClassVar[tuple[str, ...]] = ("clean", "level")
    stateful: ClassVar[bool] = True

    tolerance: int = Field(
        default=20, ge=1, le=128, description="levels of blue, green or red within which a pixel is unchanged"
    )
    shadows: bool = Field(
        default=True, description="also take away shadow and reflection of who is removed, where the camera stands"
    )
    grain: bool = live(
        default=False, description="give what is filled the noise of the picture around it, another in each frame"
    )
    lag: int = Field(
        default=1,
        ge=1,
        le=16,
        description="frames after which it learns what was invented; in live streams as it comes",
    )

    _known: Image = PrivateAttr()
    _anew: bool = PrivateAttr(default=False)
    _standing: Standing = PrivateAttr()
    _moving: Moving = PrivateAttr()
    _seam: Seam = PrivateAttr()
    _grain: Grain = PrivateAttr(default_factory=Grain)

    def memory(self, spec: FrameSpec) -> Layout:
        """What has to be as it was when a frame is done again."""
        size = (spec.height, spec.width)
        own: Layout = {"choice": ((2,), "i8")}  # one more than `Frame.choice` (0: no frame yet), and since which frame
        return Standing.memory(*size) | Moving(*size).memory() | own

    def pool(self, spec: FrameSpec) -> Layout:
        """Pictures, which are kept once."""
        size = (spec.height, spec.width)
        return Standing.pool(*size) | Moving(*size).pool()

    def setup(self, spec: FrameSpec) -> None:
        size = (spec.height, spec.width)
        self._known = np.empty(size, np.uint8)
        self._standing, self._moving = Standing(*size, self.tolerance, self.shadows), Moving(*size)
        self._seam = Seam(*size)

    def process(self, frame: Frame) -> None:
        """Learn; then write `filled` and `rest`. Depends on nothing but the frame, its `before` and its pool."""
        np.copyto(frame.filled, frame.image)
        former, since = frame.before["choice"].tolist()
        self._anew = former not in (0, frame.choice + 1)
        frame.after["choice"][:] = frame.choice + 1, frame.index if self._anew else since
        self._moving.begin(frame.before, frame.pool)
        if self._moving.moves:
            self._while_moving(frame)
        else:
            self._while_standing(frame)
        self._moving.end(frame.before, frame.after)
        cv2.subtract(frame.mask, self._known, dst=frame.rest)
        self._seam.blend(frame.filled, frame.image, frame.mask, self._known)
        if self.grain:
            self._liven(frame)

    def _while_standing(self, frame: Frame) -> None:
        seen = self._standing.compare(frame.image, frame.mask, frame.before)
        moves = self._starts_moving(frame) if seen.cut or seen.drifted else False
        if moves:
            return
        forget = moves is None and not seen.explained  # light that changed at once looks like a motion, and like none
        if forget:
            self._forget(frame)
        elif not seen.cut and not seen.drifted:
            self._moving.stood(frame.index)
        settled = seen.drifted and not self._moving.suspects
        self._standing.learn(frame.image, seen, frame.before, frame.after, forget=forget, settled=settled)
        if not forget:
            self._recall(frame)
            self._standing.show_beyond(seen, frame.mask, frame.filled, frame.after, frame.spared)
        if self._anew:
            self._standing.lose(_uncovered(frame), frame.after)
        self._standing.show(frame.mask, frame.filled, self._known, frame.after, frame.pool)
        self._borrow(frame)

    def _starts_moving(self, frame: Frame) -> bool | None:
        """Whether the camera moves; None where this is another scene."""
        self._moving.look(frame.image, frame.mask)
        moves = self._moving.start(frame.index, *self._standing.whole(frame.before, frame.pool))
        if not moves:
            return moves
        self.context.count("camera_moved")
        self._standing.leave(frame.after)
        self._gather(frame)
        return True

    def _while_moving(self, frame: Frame) -> None:
        self._moving.look(frame.image, frame.mask)
        if not self._moving.go_on(frame.index, frame.before):
            self._forget(frame)
            seen = self._standing.compare(frame.image, frame.mask, frame.before)
            self._standing.learn(frame.image, seen, frame.before, frame.after, forget=True)
            self._known[:] = 0
            return
        self._standing.leave(frame.after)
        self._gather(frame)
        self._moving.keep(frame, self._best(frame))

    def _gather(self, frame: Frame) -> None:
        if self._anew:
            self._moving.keys.forget()
        np.copyto(self._known, self._moving.fill(frame.index, frame.image, frame.mask, frame.mask, frame.filled))

    def _borrow(self, frame: Frame) -> None:
        """What a standing camera has not seen from here, it may have seen before it came to a stand."""
        needed = cv2.subtract(frame.mask, self._known)
        if self._anew:
            self._moving.keys.forget()
        if not self._moving.keys.newest_first or not needed.any():
            return
        found = self._moving.fill(frame.index, frame.image, frame.mask, needed, frame.filled)
        cv2.bitwise_or(self._known, found, dst=self._known)
        self._standing.give(frame.filled, found, frame.after, frame.pool)

    def _recall(self, frame: Frame) -> None:
        """Learn what was invented in a finished frame of this scene."""
        finished = self._best(frame)
        if finished is not None and finished.index >= self._moving.since and finished.rest.any():
            self._standing.give(finished.clean, finished.rest.copy(), frame.after, frame.pool)

    def _liven(self, frame: Frame) -> None:
        """The plate stands still as film does not: noise like that around it, moved on with every frame."""
        tight = tight_box(self._known)
        if tight is not None:
            box = tight.grown(AROUND, *self._known.shape)
            x, y = box.x0 + STRIDE[0] * frame.index, box.y0 + STRIDE[1] * frame.index
            part, hole = box.of(frame.filled), np.ascontiguousarray(box.of(self._known))
            self._grain.add(part, hole, x, y, noise_of(part, cv2.bitwise_not(hole)))

    @staticmethod
    def _best(frame: Frame) -> Frame | None:
        """The finished frame, unless it was filled in haste, which is better invented once more, or still shows what
        is to be removed since."""
        finished = frame.finished
        good = finished is not None and finished.level <= WELL and finished.choice == frame.choice
        return finished if good else None

    def _forget(self, frame: Frame) -> None:
        self.context.count("plate_forgotten")
        self._moving.forget(frame.index)


def _uncovered(frame: Frame) -> Image:
    """What is masked and was not before it was newly said what is to be removed: uint8 [H, W] of 0 and 255.

    All of it, where no frame is at hand from between that and the time before when it was said: in a live stream,
    somebody may have been shown meanwhile, for no longer than frames are under way."""
    finished, since = frame.finished, int(frame.before["choice"][1])
    return frame.mask if finished is None or finished.index < since else cv2.subtract(frame.mask, finished.mask)
