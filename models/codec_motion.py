"""What a picture is predicted from: the one before, moved block by block by one of a few vectors."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.codec_entropy import Port, Symbols
from models.codec_steps import BLOCK

PARTS = 4  # of a pixel
REACH = 127  # pixels that a block can have moved, either way
VECTORS = 32  # that a picture has at most; the first is none
FIXED = 32  # parts of a pixel that OpenCV's whole-number interpolation knows
SMALLEST, LONGEST = 3, 8  # blocks a side, and times the shorter one, between which OpenCV's flow can be had
USERS = 3  # blocks without which a vector is not worth its bits
PENALTY = 1.5  # grey levels a pixel that a vector has to gain over standing still

Vectors = NDArray[np.int32]
"""(x, y) in quarter pixels, [N, 2]."""
Field = tuple[Vectors, Symbols]
"""A picture's vectors, and which of them each block [h, w] has."""


def search(before: Image, image: Image) -> Field:
    """How `image` is best predicted from the one `before`, both uint8 [H, W, 3] of whole blocks."""
    rows, columns = (side // BLOCK for side in before.shape[:2])
    if min(rows, columns) < SMALLEST or max(rows, columns) > LONGEST * min(rows, columns):
        return np.zeros((1, 2), np.int32), np.zeros((rows, columns), np.int32)
    old, new = (_half(part) for part in (before, image))
    search_flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # type: ignore[attr-defined]
    flow = search_flow.calc(new, old, None)
    small = cv2.resize(flow, (columns * 4, rows * 4), interpolation=cv2.INTER_AREA)  # 16 of a block are enough
    blocks = small.reshape(rows, 4, columns, 4, 2).transpose(0, 2, 1, 3, 4).reshape(rows * columns, 16, 2)
    moved = np.round(np.median(blocks, 1) * 2 * PARTS).clip(-REACH * PARTS, REACH * PARTS).astype(np.int32)
    vectors = _frequent(moved)
    errors = np.stack([_errors(old, new, vector) for vector in vectors])
    errors[0] -= PENALTY
    users = np.bincount(errors.argmin(0).ravel(), minlength=len(vectors))
    kept = np.flatnonzero((users >= USERS) | (np.arange(len(vectors)) == 0))
    return vectors[kept], errors[kept].argmin(0).astype(np.int32)


def predict(before: Image, vectors: Vectors, chosen: Symbols) -> Image:
    """`before` (uint8 [H, W, 3], whole blocks) as moved: every block by its vector."""
    if not chosen.any() and not vectors[0].any():
        return before
    height, width = before.shape[:2]
    field = vectors[chosen].repeat(BLOCK, 0).repeat(BLOCK, 1) * (FIXED // PARTS)
    field[..., 0] += np.arange(width, dtype=np.int32) * FIXED
    field[..., 1] += np.arange(height, dtype=np.int32)[:, None] * FIXED
    whole = (field >> 5).astype(np.int16)
    parts = ((field[..., 1] & 31) * FIXED + (field[..., 0] & 31)).astype(np.uint16)
    return np.asarray(cv2.remap(before, whole, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def code_vectors(port: Port, told: Field | None, used: NDArray[np.bool_]) -> Field:
    """The picture's vectors, then of each block that is `used` [h, w] which it has: mostly its left neighbour's."""
    vectors = _code_table(port, None if told is None else told[0])
    order, count = np.flatnonzero(used), len(vectors)
    wanted = None if told is None else told[1].ravel()[order]
    others = np.zeros(len(order), np.bool_)
    if count > 1:
        differs = None if wanted is None else (np.diff(wanted, prepend=0) != 0).astype(np.int32)
        others = port.code("vectors.differ", np.zeros(len(order), np.int32), differs) == 1
    named = port.plain(count, int(others.sum()), None if wanted is None else wanted[others])
    values = np.zeros(len(order) + 1, np.int32)
    values[1:][others] = named
    # what stands at the last block that differs from the one before it holds until the next
    last = np.maximum.accumulate(np.where(others, np.arange(1, len(order) + 1), 0))
    result = np.zeros(used.shape, np.int32)
    result.ravel()[order] = values[last]
    return vectors, result


def _code_table(port: Port, vectors: Vectors | None) -> Vectors:
    count = int(port.plain(VECTORS, 1, None if vectors is None else np.array([len(vectors) - 1], np.int32))[0])
    parts = None if vectors is None else (vectors[1:] + REACH * PARTS).ravel()
    found = port.plain(2 * REACH * PARTS + 1, 2 * count, parts) - REACH * PARTS
    return np.concatenate([np.zeros((1, 2), np.int32), found.reshape(-1, 2)])


def _frequent(moved: Vectors) -> Vectors:
    """No vector, then those of most blocks, most frequent first."""
    kinds, counts = np.unique(moved, axis=0, return_counts=True)
    kinds = kinds[np.argsort(-counts, kind="stable")]
    return np.concatenate([np.zeros((1, 2), np.int32), kinds[kinds.any(1)][: VECTORS - 1]])


def _half(image: Image) -> Image:
    """Grey, at half the size: as good to search in, for a quarter of the work."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _errors(old: Image, new: Image, vector: NDArray[np.int32]) -> NDArray[np.float32]:
    """Mean difference of each block [h, w] to the old picture moved by that vector; both at half the size."""
    shift = np.array([[1, 0, vector[0] / (2 * PARTS)], [0, 1, vector[1] / (2 * PARTS)]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = old.shape[1], old.shape[0]
    moved = cv2.warpAffine(old, shift, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    small = 2 * size[0] // BLOCK, 2 * size[1] // BLOCK
    difference = cv2.absdiff(new, moved)
    return np.asarray(cv2.resize(difference, small, interpolation=cv2.INTER_AREA), np.float32)
