"""The encoder's choices before any network: how each block is predicted, and which are good enough as they are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.codec_motion import predict, search
from models.codec_picture import Guess, Past, enlarged, steps_of
from models.codec_plan import CORRECTED, FRESH, KEPT, Plan
from models.codec_steps import BLOCK
from models.codec_thumbnail import drawn, means, rounded, rounding

ENOUGH, ENOUGH_INSIDE = 0.035, 0.02  # of the squared step: so small a difference would be rounded to nothing, or nearly
FRESH_AT = 1.3  # so much less must a block leave that is said anew: it costs its mean, too


def choose_plan(
    image: Image, region: NDArray[np.bool_], past: Past | None, levels: tuple[int, int]
) -> tuple[Guess, Image]:
    """How `image` (uint8 [H, W, 3], whole blocks) is best predicted, and the prediction; `region` [H / 16, W / 16]."""
    kind = rounding(levels[0])
    thumbnail = rounded(means(image), kind)
    smooth = drawn(thumbnail, kind)
    if past is None:
        plan = Plan(np.full(region.shape, FRESH, np.int32), region)
        return Guess(plan, np.zeros((1, 2), np.int32), np.zeros(region.shape, np.int32), thumbnail), smooth
    vectors, chosen = search(past.image, image)
    moved = predict(past.image, vectors, chosen)
    left, anew = squares(image, moved), squares(image, smooth)
    kinds = np.where(left > FRESH_AT * anew, FRESH, CORRECTED).astype(np.int32)
    plan = Plan(kinds, region)
    enough = np.where(region, ENOUGH_INSIDE, ENOUGH) * steps_of(plan, levels) ** 2
    kept = (kinds == CORRECTED) & (left < enough)
    plan = Plan(np.where(kept, KEPT, kinds).astype(np.int32), region)
    fresh = plan.kinds == FRESH
    chosen = np.where(fresh, 0, chosen).astype(np.int32)
    if not fresh.any():
        return Guess(plan, vectors, chosen, thumbnail), moved
    thumbnail = np.where(fresh[..., None], thumbnail, rounded(means(moved), kind))
    return Guess(plan, vectors, chosen, thumbnail), np.where(enlarged(fresh)[..., None], drawn(thumbnail, kind), moved)


def without_silent(guess: Guess, said: NDArray[np.bool_]) -> Guess:
    """The same, with every corrected block kept as it is of which nothing is `said` [h, w]."""
    kinds = np.where((guess.plan.kinds == CORRECTED) & ~said, KEPT, guess.plan.kinds).astype(np.int32)
    return Guess(Plan(kinds, guess.plan.region), guess.vectors, guess.chosen, guess.thumbnail)


def squares(one: Image, other: Image) -> NDArray[np.float32]:
    """Mean squared difference of each block [H / 16, W / 16], colours together."""
    height, width = one.shape[:2]
    difference = np.square(cv2.absdiff(one, other).astype(np.float32))
    return np.asarray(cv2.resize(difference, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA).mean(2))
