"""Frames of plain arrays for stages that run in the test's own process."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec
from pipeline.stage import Transform


def blank_frame(spec: FrameSpec, index: int = 0) -> Frame:
    """A frame with all standard planes, all zero."""
    planes = {name: np.zeros(plane.shape(spec), plane.dtype) for name, plane in STANDARD_PLANES.items()}
    return Frame(planes, index=index)


class Bench:
    """Runs a stateful stage as the runtime does: reads the memory that the last frame left, swaps after each."""

    def __init__(self, stage: Transform, spec: FrameSpec) -> None:
        self.stage, self.spec, self.count = stage, spec, 0
        self.buffers = [{name: np.zeros(*a) for name, a in stage.memory(spec).items()} for _ in range(2)]
        self.pool = {name: np.zeros(*a) for name, a in stage.pool(spec).items()}
        self.finished: Frame | None = None  # what the next frame is lent of an earlier one
        stage.setup(spec)

    def frame(self, **planes: np.ndarray) -> Frame:
        """Process a frame with these planes and keep what the stage learned."""
        frame = self.peek(**planes)
        self.buffers.reverse()
        self.count += 1
        return frame

    def peek(self, **planes: np.ndarray) -> Frame:
        """Process a frame with these planes, but let its worker die before the commit."""
        frame = blank_frame(self.spec, self.count)
        for name, pixels in planes.items():
            frame.planes[name][:] = pixels
        frame.before, frame.after = self.buffers
        frame.pool, frame.finished = self.pool, self.finished
        for array in (*frame.before.values(), *(frame.planes[name] for name in self.stage.reads)):
            array.flags.writeable = False
        self.stage.process(frame)
        for array in frame.before.values():
            array.flags.writeable = True
        return frame

    def frames(self, pictures: Iterable[np.ndarray], mask: np.ndarray | None = None) -> list[Frame]:
        hidden = np.zeros((self.spec.height, self.spec.width), np.uint8) if mask is None else mask
        return [self.frame(image=picture, mask=hidden) for picture in pictures]


def scenery(height: int, width: int, seed: int = 0, smooth: float = 2.0) -> np.ndarray:
    """A picture with texture at all scales, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.float32)
    for scale in (smooth, 4 * smooth, 16 * smooth):
        layer = cv2.GaussianBlur(rng.normal(0, 1, picture.shape).astype(np.float32), (0, 0), scale)
        picture += layer / layer.std() * 22
    return np.clip(picture, 0, 255).astype(np.uint8)


def noisy(picture: np.ndarray, seed: int, sigma: float = 2.0) -> np.ndarray:
    """The picture as a camera would see it once more."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
