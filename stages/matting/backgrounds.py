"""Backgrounds: a colour, a picture, or the blurred original, at the size of the frame; a video is films.py's."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from pipeline.frame import Frame, FrameSpec, Image
from stages.ingest.still import is_still, read_still
from stages.matting.films import Film
from stages.matting.wording import BLUR, colour_of

REDUCED = 4  # a blur has no detail: it is made at that part of the size, along each side


class Background(Protocol):
    """What stands behind the foreground."""

    def behind(self, frame: Frame) -> Image:
        """uint8 [H, W, 3] BGR of the frame's size; valid until the next call."""
        ...

    def close(self) -> None:
        """Let go of what was opened."""
        ...


class Steady:
    """The same in every frame."""

    def __init__(self, picture: Image) -> None:
        self._picture = picture

    def behind(self, frame: Frame) -> Image:
        return self._picture

    def close(self) -> None:
        """Nothing is held."""


class Blurred:
    """The frame itself out of focus. What is in front is left out of it first, or it would glow around itself."""

    def __init__(self, height: int, width: int, strength: float) -> None:
        """`strength`: standard deviation of the blur as a share of the long side."""
        self._out = np.empty((height, width, 3), np.uint8)
        self._size = max(1, width // REDUCED), max(1, height // REDUCED)
        self._sigma = max(0.3, strength * max(self._size))

    def behind(self, frame: Frame) -> Image:
        small = cv2.resize(frame.image, self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        share = 1 - cv2.resize(frame.alpha, self._size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        share = np.maximum(share, 1e-4)  # where nothing but foreground is near, its colours are all there is
        weight = cv2.GaussianBlur(share, (0, 0), self._sigma)
        blurred = cv2.GaussianBlur(small * share[..., None], (0, 0), self._sigma) / weight[..., None]
        height, width = self._out.shape[:2]
        tones = np.clip(blurred + 0.5, 0, 255).astype(np.uint8)
        cv2.resize(tones, (width, height), dst=self._out, interpolation=cv2.INTER_LINEAR)
        return self._out

    def close(self) -> None:
        """Nothing is held."""


def covering(picture: Image, height: int, width: int) -> Image:
    """`picture` [h, w, 3] scaled until it covers [height, width], its middle kept, and what is beyond cut off."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    inner = min(picture.shape[0], round(height / scale)), min(picture.shape[1], round(width / scale))
    top, left = (picture.shape[0] - inner[0]) // 2, (picture.shape[1] - inner[1]) // 2
    kept = picture[top : top + inner[0], left : left + inner[1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(kept, (width, height), interpolation=how)  # type: ignore[no-any-return]


def make_background(text: str, spec: FrameSpec, strength: float) -> Background:
    """What the text asks for (see wording.py). Raises SetupError for a file that is neither picture nor video."""
    height, width = spec.height, spec.width
    if text == BLUR:
        return Blurred(height, width, strength)
    if (colour := colour_of(text)) is not None:
        return Steady(np.full((height, width, 3), colour[::-1], np.uint8))
    if is_still(text):
        picture = read_still(text).to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        return Steady(covering(picture, height, width))
    return Film(text, lambda picture: covering(picture, height, width), float(spec.time_base))
