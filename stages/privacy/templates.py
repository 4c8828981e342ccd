"""Templates: licence plates of no vehicle, to be shown in the place of real ones."""

from __future__ import annotations

from functools import cache
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SetupError
from pipeline.frame import Image
from stages.privacy.kinds import TemplateName
from stages.privacy.pictures import DRAWN, read_picture, warped, weighed

LARGER = 1.06  # times the plate: its frame is covered too
DARKEST = 0.2  # of its own lightness, at least, has a template at night
LIGHTS = 16  # steps in which the lightness of a plate is told
SHORT = 3.0  # width by height below which a plate is of the short kind


class Templates:
    """What is shown in the place of plates: one of those drawn here, or the picture at a path; `auto`: a long or a
    short one. Raises SetupError."""

    def __init__(self, name: str) -> None:
        if name in names():
            self._kinds: tuple[str | Image, ...] = ("eu", "us") if name == "auto" else (name,)
            return
        try:
            self._kinds = (weighed(read_picture(name)),)
        except SetupError as error:
            raise SetupError(f"template: {error}; or one of {', '.join(names())}") from error

    def fixed(self, quad: NDArray[np.float32], light: int, size: tuple[int, int]) -> Image:
        """Weighed [h, w, 4] of that size: warped onto the corners [4, 2], as light (0 to 255) as the plate there."""
        across, right, under, left = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).tolist()
        kind = self._kinds[0 if across + under >= SHORT * (left + right) else -1]
        picture = (_drawn(kind) if isinstance(kind, str) else kind).copy()
        gain = min(1.0, max(DARKEST, light / 245))
        picture[..., :3] = cv2.convertScaleAbs(picture[..., :3], alpha=gain)
        tall, wide = picture.shape[:2]
        corners = np.array(((0, 0), (wide, 0), (wide, tall), (0, tall)), np.float32)
        larger = ((quad - quad.mean(0)) * LARGER + quad.mean(0)).astype(np.float32)
        fit = cv2.getPerspectiveTransform(corners, larger).astype(np.float32)
        return warped(picture, fit, size)


@cache
def _drawn(name: str) -> Image:
    return weighed(read_picture(DRAWN / "plates" / f"{name}.png"))


def lightness(part: Image) -> int:
    """Of a plate [h, w, 3]: that of its ground, 0 to 255, in few levels."""
    if not part.size:
        return 255
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2GRAY)
    return min(255, round(float(np.percentile(grey, 75)) / LIGHTS) * LIGHTS)


def names() -> tuple[str, ...]:
    """All that are drawn here, and `auto`."""
    return get_args(TemplateName)
