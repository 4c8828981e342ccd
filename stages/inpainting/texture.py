"""Texture: gives what was invented the fine detail of places around it that look alike; knows no model and no plate.

What is right on the mean is smooth: of all leaves that may be there it shows the average. Here every block takes the
fine detail of a known block of like colours, preferably moved by as much as its neighbours', so that what is
carried stays in one piece (after Ashikhmin, Synthesizing natural textures, 2001, and He and Sun, Statistics of patch
offsets for image completion, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box, tight_box

STEPS = (8, 16, 32, 64)  # pixels from one block to the next; it reaches as far to each side: a pixel lies in four
MOST = 2_000_000  # pairs of blocks: the first step with fewer is taken, where there is one
SHY = 13  # pixels a side of the square by which a hole is grown for sources: no rim, and nothing of who was masked
FINER = 3.0  # deviation in pixels of the blur that tells detail from the rest
AMOUNT = 0.4  # of the amplitude that is lacking: detail that is elsewhere in truth costs likeness
FAR = 0.001  # by which a block a step away is the less alike, in shares of the picture's variance
APART = 0.05  # the same for a neighbour that is moved by something else
ROUNDS = 6  # in which neighbours come to agree, every other block in turn
FEW = 16  # known blocks, below which there is nothing to choose from
FLAT = 1.0  # variance of a picture below which it has none
FAINT = 1e-3  # energy, below which nothing is carried
AROUND = tuple(product((0, 1, 2), repeat=2))  # a block and its neighbours, in a grid with a frame of one
BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A grid fixed to the picture, `step` pixels apart. `rows`, `columns`: the blocks' middles in the crop; `asking`
    [N, 2] and `known` [M, 2]: where in the grid those are that a hole touches, and those that are known as a whole;
    `first`: the number of its first block, in steps from the picture's corner, down and across in sum."""

    step: int
    rows: Places
    columns: Places
    asking: Places
    known: Places
    first: int


def carry(result: Image, hole: Image, x: int, y: int, noise: float) -> None:
    """Add to `result` uint8 [h, w, 3], whose left upper corner is at (x, y) of the picture, inside `hole` uint8 [h, w]
    (0 and 255) much of what it lacks there in detail compared to places outside that are alike, beyond the `noise`
    around it (see `grain.noise_of`). In place; what is not known well enough stays as it is."""
    blocks, box = _grid(hole, x, y), tight_box(hole)
    if blocks is None or box is None:
        return
    picture = result.astype(np.float32)
    moved = blocks.step * _agreed(_unlike(picture, hole, blocks), blocks)
    detail = picture - cv2.GaussianBlur(picture, (0, 0), FINER)
    carried = _carried(detail, moved, blocks, box)
    inside = slice(box.y0, box.y1), slice(box.x0, box.x1)
    carried *= _lacking(detail[inside], carried, hole[inside], noise, blocks.step)[..., None]
    finished = np.clip(np.rint(picture[inside] + carried), 0, 255).astype(np.uint8)
    cv2.copyTo(finished, hole[inside], result[inside])


def _grid(hole: Image, x: int, y: int) -> _Blocks | None:
    """The finest grid that is cheap, or else the coarsest that has enough to choose from; None where none has."""
    last = None
    for step in STEPS:
        found = _blocks(hole, x, y, step)
        if len(found.known) < FEW:
            return last
        last = found
        if len(found.asking) * len(found.known) < MOST:
            return last
    return last


def _blocks(hole: Image, x: int, y: int, step: int) -> _Blocks:
    rows, columns = (
        step * np.arange((size - 1 + start % step) // step + 2) - start % step
        for size, start in zip(hole.shape, (y, x), strict=True)
    )
    above, below = (np.clip(rows + side, 0, hole.shape[0]) for side in (-step, step))
    before, behind = (np.clip(columns + side, 0, hole.shape[1]) for side in (-step, step))
    held, near = (
        _sums(mask, (above, below), (before, behind))
        for mask in (hole, cv2.dilate(hole, np.ones((SHY, SHY), np.uint8)))
    )
    whole = (below - above == 2 * step)[:, None] & (behind - before == 2 * step)
    asking, known = np.argwhere(held > 0), np.argwhere(whole & (near == 0))
    return _Blocks(step, rows, columns, asking, known, x // step + y // step)


def _sums(mask: Image, rows: tuple[Places, Places], columns: tuple[Places, Places]) -> Places:
    """How much of `mask` is set in each of the blocks [R, C] from the first to the second of their rows and columns."""
    table = cv2.integral((mask > 0).astype(np.uint8))
    corners = [table[np.ix_(row, column)] for row, column in product(rows, columns)]
    found: Places = corners[0] - corners[1] - corners[2] + corners[3]
    return found


def _unlike(picture: Floats, hole: Image, blocks: _Blocks) -> Floats:
    """How little each block that asks is like each that is known [N, M], but for what is the same of all M: by the mean
    colours of both and of those around, squared, in shares of the picture's variance; and by how far it is."""
    usual, deviation = (figures[:, 0] for figures in cv2.meanStdDev(picture, mask=cv2.bitwise_not(hole)))
    places = (np.clip(at, 0, size - 1) for at, size in zip((blocks.rows, blocks.columns), hole.shape, strict=True))
    cells = cv2.blur(picture, (blocks.step, blocks.step))[np.ix_(*places)] - usual
    cells /= np.sqrt(len(AROUND) * max(FLAT, np.square(deviation).sum()))
    framed = np.pad(cells, ((1, 1), (1, 1), (0, 0)), "edge")
    tall, wide, _ = cells.shape
    parts = [framed[down : down + tall, across : across + wide] for down, across in AROUND]
    looks = np.concatenate([*parts, np.sqrt(np.float32(FAR)) * np.indices((tall, wide)).transpose(1, 2, 0)], 2)
    asked, known = (looks[tuple(which.T)].astype(np.float32) for which in (blocks.asking, blocks.known))
    found: Floats = np.square(known).sum(1) - 2 * asked @ known.T
    return found


def _agreed(unlike: Floats, blocks: _Blocks) -> Places:
    """By how many blocks each one of the grid [rows, columns, 2] is moved: to the most alike at first, then by what its
    neighbours are moved by where that costs little (Besag's iterated conditional modes, 1986)."""
    asking, tall, wide = blocks.asking, len(blocks.rows), len(blocks.columns)
    number = np.full((tall, wide), -1)
    number[tuple(blocks.known.T)] = np.arange(len(blocks.known))
    moved, there = np.zeros((tall + 2, wide + 2, 2), np.intp), np.zeros((tall + 2, wide + 2), np.bool_)
    at = tuple(asking.T + 1)
    moved[at], there[at] = blocks.known[unlike.argmin(1)] - asking, True
    for turn in range(ROUNDS):
        mine = np.flatnonzero((asking.sum(1) + blocks.first + turn) % 2 == 0)
        row, column = at[0][mine], at[1][mine]
        theirs = np.stack([moved[row + down, column + across] for down, across in BESIDE], 1)
        real = np.stack([there[row + down, column + across] for down, across in BESIDE], 1)
        ways = np.concatenate([moved[row, column][:, None], theirs], 1)
        to = asking[mine, None] + ways
        within = ((to >= 0) & (to < (tall, wide))).all(2)
        chosen = np.where(within, number[tuple(np.where(within[..., None], to, 0).transpose(2, 0, 1))], -1)
        cost = np.where(chosen >= 0, unlike[mine[:, None], chosen], np.inf)
        cost += APART * ((ways[:, :, None] != theirs[:, None]).any(3) & real[:, None]).sum(2)
        moved[row, column] = ways[np.arange(len(mine)), cost.argmin(1)]
    return moved[1:-1, 1:-1]


def _carried(detail: Floats, moved: Places, blocks: _Blocks, box: Box) -> Floats:
    """The detail [h, w, 3] that comes to lie in the box: of the four blocks of each pixel, which fade into each
    other."""
    down, across = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
    past = down - blocks.rows[0], across - blocks.columns[0]
    near = [np.divmod(pixels, blocks.step) for pixels in past]
    fading = [np.cos((np.pi / 2 / blocks.step) * (within + 0.5)).astype(np.float32) ** 2 for _, within in near]
    found = np.zeros((len(down), len(across), 3), np.float32)
    for corner in product((0, 1), repeat=2):
        by = moved[np.ix_(*(block + later for (block, _), later in zip(near, corner, strict=True)))]
        weights = [1 - share if later else share for share, later in zip(fading, corner, strict=True)]
        from_x, from_y = (by[..., 1] + across).astype(np.float32), (by[..., 0] + down[:, None]).astype(np.float32)
        taken = cv2.remap(detail, from_x, from_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        found += np.outer(*weights)[..., None] * taken
    return found


def _lacking(own: Floats, carried: Floats, hole: Image, noise: float, step: int) -> Floats:
    """By what the carried detail [h, w, 3] is multiplied: where there is as much already, or it is nothing but noise
    (a deviation, in levels), by nothing."""
    inside = (hole > 0).astype(np.float32)
    size = (2 * step, 2 * step)
    have, there, share = (cv2.blur(part, size) for part in (_energy(own) * inside, _energy(carried) * inside, inside))
    found: Floats = AMOUNT * np.sqrt(np.clip(1 - (have + 3 * noise**2 * share) / np.maximum(there, FAINT), 0, 1))
    return found


def _energy(detail: Floats) -> Floats:
    return np.square(detail).sum(2)  # type: ignore[no-any-return]
