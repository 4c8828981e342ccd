"""PlateCascade: licence plates by OpenCV's classical cascade: works with nothing to fetch, and not well.

It was trained on Russian plates: others of that shape are found as well, many are not, and grilles and signs are. Its
scores are made from how many windows agree.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from models import weights
from models.base import Detections, Image, ModelError, ModelInfo

FILE = "haarcascade_russian_plate_number.xml"
STEP = 1.05  # factor between the sizes of window that are tried
AGREED = 3.0  # windows that agree, for a score of one half


class PlateCascade:
    """Follows `models.base.Detector`."""

    names = ("plate",)

    def __init__(self) -> None:
        """Raises ModelError where OpenCV came without its cascades."""
        path = Path(cv2.__file__).parent / "data" / FILE
        self._cascade = cv2.CascadeClassifier()
        if not path.is_file() or not self._cascade.load(str(path)):
            raise ModelError(f"plate-cascade: no {path} in this OpenCV; next: pip install opencv-python")
        self.info = ModelInfo("plate-cascade", str(path), weights.sha256(path), engine="opencv")

    def detect(self, image: Image, confidence: float) -> Detections:
        """Plates of `image` uint8 [H, W, 3] BGR, at least 60 x 20 pixels large: its window."""
        found, agreeing = self._cascade.detectMultiScale2(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), STEP, 1)
        boxes = np.array(found, np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        agreed = np.array(agreeing, np.float32).reshape(-1)
        scores = agreed / (agreed + np.float32(AGREED))
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > confidence]
        unknown = np.full((len(order), 5, 2), np.nan, np.float32)
        return Detections(boxes[order], scores[order], np.zeros(len(order), np.int64), unknown)

    def warm_up(self, height: int, width: int) -> float:
        """Run once on noise, in which much looks like the beginning of a plate; return the seconds."""
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        started = time.perf_counter()
        self.detect(image, 0.5)
        return time.perf_counter() - started
