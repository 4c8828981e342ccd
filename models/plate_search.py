"""PlateSearch: licence plates in the picture, and once more in each vehicle, enlarged: plates that are small in the
picture are large enough there for a window of the cascade; and of each vehicle what is most like a plate by its edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Detections, Image, ModelInfo
from models.cascade import PlateCascade
from models.classes import VEHICLES
from models.stripes import find_stripe
from models.suppress import suppress
from models.yolo import YoloSegmenter

SEEN = 0.2  # score from which on something is a vehicle
WIDE = 640  # pixels to which a vehicle is enlarged ...
MOST = 4.0  # ... but by no more than this: there is nothing finer in it
LEAST = 24  # pixels of a vehicle's sides: on less no plate can be read
MARGIN = 0.05  # of a vehicle's sides: bumpers stick out of boxes
WIDEST = 0.4  # of a vehicle's width, and of a picture's: no plate is wider
EDGE = 2  # pixels from the picture's edge: what reaches it is cut off there
OVERLAP = 0.3  # boxes that share more of their union show one plate
SEARCHED = 32  # vehicles in a picture, the largest first: bounds the time

Boxes = NDArray[np.float32]


class PlateSearch:
    """Follows `models.base.Detector`; finds no vehicle but the plates on it."""

    names = ("plate",)

    def __init__(self, weights_file: str = "yolov5s-seg", *, size: int = 640, **options: Any) -> None:
        """`weights_file`: of a YOLO model that knows vehicles; options and `size`: see `YoloSegmenter`. Raises
        ModelError."""
        self._cascade = PlateCascade()
        self._vehicles = YoloSegmenter(
            classes=VEHICLES, weights_file=weights_file, confidence=SEEN, size=min(size, 640), **options
        )
        seen = self._vehicles.info
        self.info = ModelInfo(
            "plate-search", seen.source, seen.checksum, seen.device, seen.precision, seen.engine, seen.note
        )

    def detect(self, image: Image, confidence: float) -> Detections:
        """Plates of `image` uint8 [H, W, 3] BGR, and of each vehicle the place that is most like one."""
        found = self._vehicles.segment(image).boxes
        large = np.argsort(-(found[:, 2:] - found[:, :2]).prod(1), kind="stable")[:SEARCHED]
        parts = [part for box in found[large] if (part := _enlarged(image, box)) is not None]
        seen = [self._cascade.detect(image, confidence)]
        seen += [part.whole(self._cascade.detect(part.image, confidence)) for part in parts]
        boxes, scores = (np.concatenate([getattr(one, name) for one in seen]) for name in ("boxes", "scores"))
        fits = boxes[:, 2] - boxes[:, 0] <= WIDEST * _widths(boxes, found, image.shape[1])
        rows = [_distinct(boxes[fits], scores[fits], confidence), _stripes(parts, confidence)]
        # What both say of one plate is left to whoever makes one of two: either alone may hold but a part of it.
        together = np.concatenate(rows)
        together = together[np.argsort(-together[:, 4], kind="stable")]
        unknown = np.full((len(together), 5, 2), np.nan, np.float32)
        return Detections(together[:, :4], together[:, 4], np.zeros(len(together), np.int64), unknown)

    def warm_up(self, height: int, width: int) -> float:
        """The seconds of the network and of a cascade over the picture twice: once in it, once in vehicles."""
        return self._vehicles.warm_up(height, width) + 2 * self._cascade.warm_up(height, width)


@dataclass(frozen=True, slots=True)
class Part:
    """A vehicle by itself, `factor` times as large, its left upper corner at (x, y) of the picture; and `plain`, as it
    is there."""

    image: Image
    plain: Image
    x: int
    y: int
    factor: float

    def whole(self, found: Detections) -> Detections:
        """What was found in it, in pixels of the picture."""
        corner = np.array((self.x, self.y) * 2, np.float32)
        return Detections(found.boxes / np.float32(self.factor) + corner, found.scores, found.classes, found.landmarks)


def _enlarged(image: Image, box: Boxes) -> Part | None:
    """The vehicle in `box`, in pixels of the picture; None where it is too small."""
    sides = box[2:] - box[:2]
    x0, y0 = (max(0, math.floor(at)) for at in box[:2] - MARGIN * sides)
    x1, y1 = (math.ceil(at) for at in box[2:] + MARGIN * sides)
    part = image[y0:y1, x0:x1]
    if min(part.shape[:2]) < LEAST:
        return None
    factor = min(MOST, max(1.0, WIDE / part.shape[1]))
    large = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return Part(large, part, x0, y0, factor)


def _stripes(parts: Sequence[Part], confidence: float) -> Boxes:
    """Of each vehicle the place that is most like a plate: rows of x0 y0 x1 y1, score."""
    found = [(part, stripe) for part in parts if (stripe := find_stripe(part.plain)) is not None]
    boxes = [box + np.array((part.x, part.y) * 2, np.float32) for part, (box, _) in found]
    scores = np.array([score for _, (_, score) in found], np.float32)
    return _distinct(np.array(boxes, np.float32).reshape(-1, 4), scores, confidence)


def _distinct(boxes: Boxes, scores: Boxes, confidence: float) -> Boxes:
    """Rows of x0 y0 x1 y1, score: one for each plate."""
    sides = boxes[:, 2:] - boxes[:, :2]
    proposed = np.column_stack((boxes[:, :2] + sides / 2, sides, scores)).astype(np.float32)
    return suppress(proposed, [0], 1, confidence, OVERLAP)[:, :5]


def _widths(boxes: Boxes, vehicles: Boxes, width: int) -> Boxes:
    """For each box that of the widest vehicle in which its middle lies; the picture's where it lies in none,
    or in one that goes on beyond the picture: how wide that is nobody sees."""
    middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    within = ((middle >= vehicles[None, :, :2]) & (middle <= vehicles[None, :, 2:])).all(2)
    cut = (vehicles[:, 0] <= EDGE) | (vehicles[:, 2] >= width - EDGE)
    sides = np.where(within, np.where(cut, width, vehicles[:, 2] - vehicles[:, 0])[None], 0).max(1, initial=0)
    return np.where(sides > 0, sides, width).astype(np.float32)
