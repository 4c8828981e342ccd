"""Thumbs: small remembered pictures of a thing, and where in a picture something like them is."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import Image
from stages.target.candidates import Floats
from stages.target.memory import THUMB

SCALES = (0.7, 0.85, 1.0, 1.2, 1.45)
SIDE = 24  # pixels of the thing's longer side in the picture that is searched


def thumb(picture: Image, box: Floats) -> Image:
    """uint8 [THUMB, THUMB, 3] of what is in the box (x0 y0 x1 y1), whatever its shape."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(float(side)) for side in box)
    x0, y0 = min(max(0, x0), width - 1), min(max(0, y0), height - 1)
    x1, y1 = min(max(x0 + 1, x1), width), min(max(y0 + 1, y1), height)
    return cv2.resize(picture[y0:y1, x0:x1], (THUMB, THUMB), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def search(picture: Image, thumbs: Image, box: Floats) -> list[tuple[float, Floats]]:
    """Where in the picture something looks like one of `thumbs` [N, THUMB, THUMB, 3]: score (correlation, at most 1)
    and box, best first. `box` says how large it was."""
    width, height = box[2:] - box[:2]
    ratio = min(1.0, SIDE / max(width, height, 1.0))
    small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    found = []
    for remembered in thumbs:
        for scale in SCALES:
            size = max(4, round(float(width) * ratio * scale)), max(4, round(float(height) * ratio * scale))
            if size[0] > small.shape[1] or size[1] > small.shape[0]:
                continue
            scores = cv2.matchTemplate(small, cv2.resize(remembered, size), cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(np.nan_to_num(scores, posinf=0, neginf=0))
            place = np.array([x, y, x + size[0], y + size[1]], np.float32) / ratio
            found.append((best, place))
    return sorted(found, key=lambda pair: -pair[0])
