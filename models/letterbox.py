"""Letterbox: fits a picture into a network's input and maps what comes out back exactly; knows no network."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image

STEP = 32  # a network's input is a multiple of its largest stride
LEAST = 64  # pixels of either side: at 32 a feature map is one column wide, which oneDNN's bfloat16 kernels get wrong
FILL = 114  # the grey that YOLO networks are trained with around the picture


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The picture, [height, width], scaled to [inner_height, inner_width], lies at (left, top) of the canvas.

    Pixel centres lie at half-integers, as in `cv2.resize`: x_out + 0.5 = (x + 0.5) * scale_x + left.
    """

    width: int
    height: int
    inner_width: int
    inner_height: int
    left: int
    top: int
    out_width: int
    out_height: int

    @classmethod
    def fit(cls, height: int, width: int, size: int = 640, step: int = STEP) -> Letterbox:
        """The long side becomes `size`; the short is padded at both ends to a multiple of `step`, at least 64."""
        ratio = size / max(height, width)
        inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
        out_width, out_height = (max(LEAST, -(-side // step) * step) for side in (inner_width, inner_height))
        return cls._middle(height, width, inner_height, inner_width, out_height, out_width)

    @classmethod
    def within(cls, height: int, width: int, out_height: int, out_width: int) -> Letterbox:
        """As large as it can be on a canvas of that size, in its middle."""
        ratio = min(out_height / height, out_width / width)
        inner_width = min(out_width, max(1, round(width * ratio)))
        inner_height = min(out_height, max(1, round(height * ratio)))
        return cls._middle(height, width, inner_height, inner_width, out_height, out_width)

    @classmethod
    def _middle(
        cls, height: int, width: int, inner_height: int, inner_width: int, out_height: int, out_width: int
    ) -> Letterbox:
        left, top = (out_width - inner_width) // 2, (out_height - inner_height) // 2
        return cls(width, height, inner_width, inner_height, left, top, out_width, out_height)

    @property
    def scale_x(self) -> float:
        return self.inner_width / self.width

    @property
    def scale_y(self) -> float:
        return self.inner_height / self.height

    def canvas(self) -> Image:
        """A grey picture [out_height, out_width, 3] for `draw`, to be used again and again."""
        return np.full((self.out_height, self.out_width, 3), FILL, np.uint8)

    def draw(self, image: Image, canvas: Image) -> None:
        """Scale `image` [height, width, 3] into its place on the canvas."""
        inner = canvas[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width]
        shrinks = self.inner_width < self.width / 2
        cv2.resize(image, inner.shape[1::-1], dst=inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def undo_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points [..., 2] (x y) on the canvas to points on the picture's plane, also beyond its edges."""
        shift = np.array((self.left, self.top), np.float32)
        scale = np.array((self.scale_x, self.scale_y), np.float32)
        return (points - shift) / scale

    def undo_boxes(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [N, 4] (x0 y0 x1 y1) on the canvas to boxes on the picture, cut off at its edges."""
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        shift = np.array([self.left, self.top] * 2, np.float32)
        limit = np.array([self.width, self.height] * 2, np.float32)
        return np.clip((boxes - shift) / scale, 0, limit)
