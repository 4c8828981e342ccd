"""Stickers: a picture with transparent parts that is put over somebody, on the plain colour."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box
from stages.privacy.pictures import DRAWN, read_picture, warped, weighed

LARGER = 1.5  # times the object's box, so that of what is masked around it less is plain


def load_sticker(path: str) -> Image | None:
    """uint8 [h, w, 4], weighed: the picture at a path; None without one. Raises SetupError."""
    return weighed(read_picture(path)) if path else None


def stuck(place: Box, box: NDArray[np.float32], sticker: Image | None) -> Image | None:
    """Weighed [h, w, 4] for `place`: `sticker`, or a drawn smile, as large as fits the box x0 y0 x1 y1; None where that
    is less than a pixel."""
    sticker = smile() if sticker is None else sticker
    sides = (box[2:] - box[:2]) * LARGER
    tall, wide = sticker.shape[:2]
    scale = float(min(sides[0] / wide, sides[1] / tall))
    if not scale * min(wide, tall) >= 1:
        return None
    corner = (box[:2] + box[2:]) / 2 - np.array((wide, tall)) * scale / 2 - (place.x0, place.y0)
    fit = np.array(((scale, 0, corner[0]), (0, scale, corner[1])), np.float32)
    return warped(sticker, fit, (place.y1 - place.y0, place.x1 - place.x0))


@cache
def smile() -> Image:
    """[h, w, 4], weighed."""
    return weighed(read_picture(DRAWN / "smile.png"))
