"""Readings: how good a decoded picture is, in the region, in the background and as a whole, and what it took."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

BEST_DB = 100.0  # said of pictures that are equal, whose ratio is infinite
WINDOW, SIGMA = 11, 1.5
SHORT_SIDE = 256  # pixels to which a larger picture is reduced before structures are compared
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
NONE = math.nan


@dataclass(frozen=True, slots=True)
class Readings:
    """What was measured of one picture, in the order in which it lies in the plane `readings`; NaN: not measured.

    PSNR in dB, over all three colours. SSIM after Wang et al., "Image quality assessment: from error visibility to
    structural similarity" (2004). Rates in kbit/s: `kbps` are the bytes of this stream over its last second."""

    ratio: float = NONE  # the bits per pixel that are aimed at
    region_psnr: float = NONE
    background_psnr: float = NONE
    psnr: float = NONE
    region_ssim: float = NONE
    background_ssim: float = NONE
    ssim: float = NONE
    kbps: float = NONE
    system_kbps: float = NONE  # of all network interfaces, in and out
    target_kbps: float = NONE
    region_quantiser: float = NONE
    background_quantiser: float = NONE
    bytes: float = NONE
    share: float = NONE  # of the picture that the region covers

    def put(self, plane: NDArray[np.float32]) -> None:
        """Into float32 [N]; what is beyond is NaN."""
        plane[:] = np.nan
        plane[: len(FIELDS)] = astuple(self)

    @classmethod
    def of(cls, plane: NDArray[Any]) -> Readings:
        """What lies in float32 [N]."""
        return cls(*plane[: len(FIELDS)].tolist())


FIELDS = tuple(field.name for field in fields(Readings))


class Parts(NamedTuple):
    """A figure of the region, of the background, and of the whole; NaN where a part is empty."""

    region: float
    background: float
    whole: float


def psnr(image: Image, decoded: Image, mask: Image) -> Parts:
    """Peak signal to noise in dB; uint8 [H, W, 3] twice, and the mask uint8 [H, W], 255 in the region."""
    import cv2

    inside = cv2.countNonZero(mask)
    error = cv2.norm(image, decoded, cv2.NORM_L2SQR)
    within = cv2.norm(image, decoded, cv2.NORM_L2SQR, mask) if inside else 0.0
    return Parts(
        _decibels(within, inside), _decibels(max(error - within, 0.0), mask.size - inside), _decibels(error, mask.size)
    )


def _decibels(error: float, pixels: int) -> float:
    """Of a sum of squared differences over pixels of three colours."""
    if not pixels:
        return NONE
    return min(BEST_DB, 10 * math.log10(255**2 * 3 * pixels / error)) if error else BEST_DB


def ssim(image: Image, decoded: Image, mask: Image) -> Parts:
    """Structural similarity of the luma, at most 1; a map of it is averaged over each part. Large pictures are reduced
    first, as in the authors' own program."""
    import cv2

    one, other = (_reduced(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)) for picture in (image, decoded))
    found = ssim_map(one, other)
    small = mask if mask.shape == found.shape else cv2.resize(mask, found.shape[::-1], interpolation=cv2.INTER_NEAREST)
    inside, total = cv2.countNonZero(small), float(cv2.sumElems(found)[0])
    within = float(cv2.mean(found, small)[0]) * inside if inside else 0.0
    outside = small.size - inside
    return Parts(
        within / inside if inside else NONE, (total - within) / outside if outside else NONE, total / small.size
    )


def _reduced(luma: Image) -> Image:
    import cv2

    step = max(1, round(min(luma.shape) / SHORT_SIDE))
    if step == 1:
        return luma
    size = luma.shape[1] // step, luma.shape[0] // step
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def ssim_map(one: Image, other: Image) -> NDArray[np.float32]:
    """Of two lumas, uint8 [H, W]: float32 [H, W].

    The formula's moments are had of sum and difference of the two: 2xy = ((x + y)^2 - (x - y)^2) / 2, and so on; that
    takes half the steps. Levels are counted from the middle, so that their squares keep their digits."""
    import cv2

    x, y = (np.subtract(picture, 128, dtype=np.float32) for picture in (one, other))
    mean_sum, mean_difference = _mean(plus := x + y), _mean(minus := np.subtract(x, y, out=x))
    variance_sum, variance_difference = (_mean(cv2.multiply(part, part, dst=part)) for part in (plus, minus))
    variance_sum -= mean_sum * mean_sum
    mean_difference *= mean_difference
    variance_difference -= mean_difference
    mean_sum += 2 * 128
    mean_sum *= mean_sum
    above = mean_sum - mean_difference
    above += 2 * C1
    above *= variance_sum - variance_difference + 2 * C2
    mean_sum += mean_difference + 2 * C1
    variance_sum += variance_difference + 2 * C2
    mean_sum *= variance_sum
    above /= mean_sum
    return above


def _mean(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    return cv2.GaussianBlur(levels, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT)  # type: ignore[no-any-return]
