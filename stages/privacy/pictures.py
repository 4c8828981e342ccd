"""Pictures of one's own: a drawing, with what of it is to be seen, read from a file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SetupError
from pipeline.frame import Image
from stages.ingest.still import read_still

DRAWN = Path(__file__).parent / "drawn"  # what `python -m benchmarks.drawings` has drawn
LONGEST = 1024  # pixels: a larger one is of no use, and reduced at once


def read_picture(path: str | Path) -> Image:
    """uint8 [h, w, 4], blue, green, red, and how much of each pixel is to be seen. Raises SetupError."""
    picture = read_still(str(path)).to_ndarray(format="bgra").astype(np.uint8, copy=False)
    if (longest := max(picture.shape[:2])) > LONGEST:
        size = [max(1, round(side * LONGEST / longest)) for side in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if not picture[..., 3].any():
        raise SetupError(f"{path}: nothing of it can be seen: it is transparent everywhere")
    return np.ascontiguousarray(picture)


def weighed(picture: Image) -> Image:
    """The colours of [h, w, 4] times how much is to be seen of them: so that what is not does not darken an edge when
    the picture is made smaller or turned."""
    share = picture[..., 3:].astype(np.uint16)
    colours = (picture[..., :3] * share + 127) // 255
    return np.dstack((colours.astype(np.uint8), picture[..., 3]))


def laid_over(below: Image, picture: Image) -> Image:
    """A weighed `picture` [h, w, 4] over `below` [h, w, 3]."""
    behind = (below * (255 - picture[..., 3:].astype(np.uint16)) + 127) // 255
    return np.minimum(behind + picture[..., :3], 255).astype(np.uint8)


def warped(picture: Image, fit: NDArray[np.float32], size: tuple[int, ...]) -> Image:
    """`picture` [h, w, 4], weighed, as `fit` ([2, 3], or [3, 3] with perspective) lays it into a picture of that height
    and width; without the jaggedness of a large picture made small."""
    scale = float(np.sqrt(abs(np.linalg.det(fit[:2, :2]))))
    while scale < 0.5 and min(picture.shape[:2]) > 3:
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        ratio = np.diag((picture.shape[1] / half[0], picture.shape[0] / half[1], 1.0)).astype(np.float32)
        picture, fit, scale = cv2.resize(picture, half, interpolation=cv2.INTER_AREA), _times(fit, ratio), scale * 2
    warp = cv2.warpPerspective if len(fit) == 3 else cv2.warpAffine
    return warp(picture, fit, size[::-1], flags=cv2.INTER_LINEAR)  # type: ignore[no-any-return]


def _times(fit: NDArray[np.float32], ratio: NDArray[np.float32]) -> NDArray[np.float32]:
    return (fit @ ratio).astype(np.float32)
