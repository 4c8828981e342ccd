"""Steady: a matte that moves with the picture and does not flicker; knows no mask and no colours."""

from __future__ import annotations

import cv2
import numpy as np

from models.base import Image
from models.guided import Plane

CHANGE = 8.0  # levels of grey by which what moved along may differ; a few times more and nothing is kept
FLOWED = 320  # pixels of the long side on which motion is estimated


class Steady:
    """Mixes the last matte, moved along with what it shows, into the new one."""

    def __init__(self, share: float) -> None:
        """`share`: 0 to below 1, of the last matte where the picture has not changed."""
        self._share = np.float32(share)
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # type: ignore[attr-defined]

    def mixed(self, alpha: Plane, grey: Image, last: Image, before: Image) -> Plane:
        """`alpha` float32 [h, w] of 0..1 with the `last`, uint8 [h, w]; `grey` uint8 [h, w]: this picture and the one
        `before`. A recursive filter whose share falls with the change of the picture (motion-compensated, as in
        Dubois, Sabri: Noise Reduction in Image Sequences, 1984)."""
        if not self._share:
            return alpha
        way = self._way(grey, before)
        kept = cv2.remap(last, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.remap(before, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        change = cv2.blur(cv2.absdiff(grey, seen), (5, 5)).astype(np.float32) / np.float32(CHANGE)
        share = self._share * np.exp(-change * change)
        return alpha + share * (kept.astype(np.float32) / 255 - alpha)  # type: ignore[no-any-return]

    def _way(self, grey: Image, before: Image) -> Plane:
        """Float32 [h, w, 2]: where in the picture before each pixel was."""
        height, width = grey.shape
        scale = min(1.0, FLOWED / max(height, width))
        size = max(16, round(width * scale)), max(16, round(height * scale))
        small = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (grey, before))
        flow = cv2.resize(self._flow.calc(*small, None), (width, height), interpolation=cv2.INTER_LINEAR)
        flow *= np.array([width / size[0], height / size[1]], np.float32)
        flow[..., 0] += np.arange(width, dtype=np.float32)
        flow[..., 1] += np.arange(height, dtype=np.float32)[:, None]
        return flow  # type: ignore[no-any-return]
