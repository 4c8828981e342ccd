"""All that is sent of a picture, in the order in which it is said; the decoder makes the picture of it and nothing
else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.codec_entropy import Port, Symbols
from models.codec_motion import Vectors, code_vectors, predict
from models.codec_network import COARSE, FINE
from models.codec_numbers import GROUP, code_level
from models.codec_numbers import shapes as number_shapes
from models.codec_plan import FRESH, Plan, code_plan
from models.codec_plan import SHAPES as PLAN_SHAPES
from models.codec_steps import BLOCK, step
from models.codec_thumbnail import SHAPES as THUMBNAIL_SHAPES
from models.codec_thumbnail import code_thumbnail, drawn, means, rounded, rounding


@dataclass(frozen=True, slots=True)
class Past:
    """What both sides know of the picture before: itself as decoded, uint8 [H, W, 3] of whole blocks, and its plan."""

    image: Image
    plan: Plan


@dataclass(frozen=True, slots=True)
class Guess:
    """Plan, vectors (which of them each block has in `chosen`), the thumbnail's means: what makes the prediction."""

    plan: Plan
    vectors: Vectors
    chosen: Symbols
    thumbnail: Symbols


@dataclass(frozen=True, slots=True)
class Numbers:
    """int32 [48, H / 16, W / 16] and [48, H / 8, W / 8]."""

    coarse: Symbols
    fine: Symbols


def table_shapes() -> dict[str, tuple[int, int]]:
    """Of every table: contexts, symbols."""
    shapes = {**PLAN_SHAPES, **THUMBNAIL_SHAPES, "vectors.differ": (1, 2)}
    for name, channels in (("coarse", COARSE), ("fine", FINE)):
        shapes |= {f"{name}.{part}": shape for part, shape in number_shapes(channels // GROUP).items()}
    return shapes


def code_guess(
    port: Port, guess: Guess | None, shape: tuple[int, int], past: Past | None, levels: tuple[int, int]
) -> tuple[Guess, Image]:
    """What makes the prediction of [h, w] blocks, and the prediction, uint8 [16 h, 16 w, 3]; `levels`: quantisers of
    region and background, in quarters."""
    plan = code_plan(port, None if guess is None else guess.plan, shape, None if past is None else past.plan)
    fresh = plan.kinds == FRESH
    moved = np.zeros((shape[0] * BLOCK, shape[1] * BLOCK, 3), np.uint8)
    vectors, chosen = np.zeros((1, 2), np.int32), np.zeros(shape, np.int32)
    if past is not None:
        known = None if guess is None else (guess.vectors, guess.chosen)
        vectors, chosen = code_vectors(port, known, ~fresh)
        moved = predict(past.image, vectors, chosen)
    kind = rounding(levels[0])
    if not fresh.any():
        return Guess(plan, vectors, chosen, np.zeros((*shape, 3), np.int32)), moved
    thumbnail = rounded(means(moved), kind)
    if guess is not None:
        wanted = np.where(fresh[..., None], guess.thumbnail, thumbnail)
        thumbnail = code_thumbnail(port, wanted, thumbnail, fresh, kind)
    else:
        thumbnail = code_thumbnail(port, None, thumbnail, fresh, kind)
    prediction = np.where(enlarged(fresh)[..., None], drawn(thumbnail, kind), moved)
    return Guess(plan, vectors, chosen, thumbnail), prediction


def code_numbers(port: Port, numbers: Numbers | None, plan: Plan) -> Numbers:
    """The numbers of both levels; of the fine one in the light of how much the coarse one says of a block."""
    height, width = plan.kinds.shape
    kinds = plan.kinds + plan.region * 2  # 1 to 4: corrected or fresh, outside or inside
    wanted = None if numbers is None else numbers.coarse
    coarse = code_level(port, "coarse", wanted, (COARSE, height, width), plan.coded, kinds.astype(np.int32))
    groups = (coarse != 0).reshape(COARSE // GROUP, GROUP, height, width).any(1)
    parents = np.asarray(np.minimum(groups.sum(0), FINE // GROUP), np.int32).repeat(2, 0).repeat(2, 1)
    coded = plan.coded.repeat(2, 0).repeat(2, 1)
    wanted = None if numbers is None else numbers.fine
    return Numbers(coarse, code_level(port, "fine", wanted, (FINE, 2 * height, 2 * width), coded, parents))


def steps_of(plan: Plan, levels: tuple[int, int]) -> NDArray[np.float32]:
    """Of each block, [h, w]."""
    region, background = step(levels[0]), step(levels[1])
    return np.where(plan.region, region, background).astype(np.float32)


def enlarged(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Each block as its pixels."""
    return blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)
