"""Judge: how near pictures come to the truth of a clip, in the holes and outside, and how much they flicker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

NEAR, FAR = 7, 61  # pixels a side of the squares by which a true mask grows to be the hole, and all that is not outside

Where = NDArray[np.bool_]


@dataclass(frozen=True)
class Moment:
    """The figures of one frame: PSNR in dB in the hole and outside, change that is not the truth's in 8-bit levels,
    and how much it changes by what the truth changes. NaN where there is nothing to judge."""

    inside_db: float
    outside_db: float
    flicker: float
    grain: float


def judge(
    frames: Sequence[Image], truth: Sequence[Image], hidden: Sequence[Image], skipped: Sequence[bool] = ()
) -> dict[str, float]:
    """Means over the clip. `hidden`: true masks uint8 [H, W]; frames that are `skipped` are not judged in the hole.

    The hole is the true mask grown by a square of 7 pixels a side, outside is what a square of 61 leaves, and flicker
    is the mean difference, in what is hole in two frames, between the change seen and the true one. Raises ValueError
    where the three differ in length."""
    moments = list(each(frames, truth, hidden, skipped))
    return {name: mean([getattr(moment, name) for moment in moments]) for name in Moment.__dataclass_fields__}


def each(
    frames: Sequence[Image], truth: Sequence[Image], hidden: Sequence[Image], skipped: Sequence[bool] = ()
) -> Iterator[Moment]:
    """The figures frame by frame. Raises ValueError where lengths differ."""
    before: tuple[Image, Image, Where] | None = None
    unseen = skipped or [False] * len(frames)
    for image, real, mask, skip in zip(frames, truth, hidden, unseen, strict=True):
        hole, far = grown(mask, NEAR), ~grown(mask, FAR)
        if skip:
            hole = np.zeros_like(hole)
        yield Moment(psnr(image, real, hole), psnr(image, real, far), _flicker(image, real, hole, before),
                     _grain(image, real, hole, before))  # fmt: skip
        before = image, real, hole


def psnr(one: Image, other: Image, where: Where) -> float:
    """In dB over the pixels of `where`; 108 at most, NaN where there is none."""
    if not where.any():
        return float("nan")
    error = (one[where].astype(np.float32) - other[where].astype(np.float32)) ** 2
    return float(10 * np.log10(255.0**2 / max(float(error.mean()), 1e-6)))


def grown(mask: Image, side: int) -> Where:
    """A mask grown by a square of `side` pixels."""
    return cv2.dilate(mask, np.ones((side, side), np.uint8)) > 127  # type: ignore[no-any-return]


def mean(values: Sequence[float]) -> float:
    """Of those that are not NaN; NaN where none is."""
    found = [value for value in values if not np.isnan(value)]
    return float(np.mean(found)) if found else float("nan")


def _flicker(image: Image, real: Image, hole: Where, before: tuple[Image, Image, Where] | None) -> float:
    if before is None or not (both := hole & before[2]).any():
        return float("nan")
    seen = image[both].astype(int) - before[0][both]
    true = real[both].astype(int) - before[1][both]
    return float(np.abs(seen - true).mean())


def _grain(image: Image, real: Image, hole: Where, before: tuple[Image, Image, Where] | None) -> float:
    """The deviation of what changes from frame to frame, by the truth's; 1 where it lives alike, 0 where it is frozen,
    above 1 where it flickers."""
    if before is None or not (both := hole & before[2]).any():
        return float("nan")
    seen, true = (now[both].astype(np.float32) - then[both] for now, then in ((image, before[0]), (real, before[1])))
    return float(seen.std() / max(1e-6, true.std()))
