"""Tiles: a large picture in overlapping parts, each looked at by itself, and one answer of all; knows no network.

A person of a hundred pixels in a picture of 3840 is seventeen pixels high for a network of 640, and not found. In a
third of the picture it is forty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.base import Image, Instances, Patch, Segmenter

OVERLAP = 0.15  # of a tile's side, shared with its neighbour: who is smaller than that is whole in one of them
SAME = 0.5  # share of the smaller mask that two have in common where both show one thing
TOUCH = 2  # pixels from a tile's edge within the picture: what reaches it is cut off there


@dataclass(frozen=True, slots=True)
class Tile:
    """Pixels x0 <= x < x1, y0 <= y < y1 of the picture."""

    x0: int
    y0: int
    x1: int
    y1: int


def layout(height: int, width: int, across: int) -> list[Tile]:
    """`across` tiles side by side and as many one above the other, so that all have the picture's proportions."""
    side = 1 / (across - (across - 1) * OVERLAP)
    starts = np.linspace(0, 1 - side, across)
    rows = [(round(at * height), min(height, round((at + side) * height))) for at in starts]
    columns = [(round(at * width), min(width, round((at + side) * width))) for at in starts]
    return [Tile(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns]


def segment(segmenter: Segmenter, image: Image, whole: Instances, tiles: Sequence[Tile]) -> Instances:
    """What is found in the whole picture and in its tiles; what several of them show is one instance."""
    parts = [whole]
    for tile in tiles:
        inside = np.ascontiguousarray(image[tile.y0 : tile.y1, tile.x0 : tile.x1])
        parts.append(_moved(segmenter.segment(inside), tile))
    return _merged(parts, [None, *tiles], image.shape[:2])


def _moved(found: Instances, tile: Tile) -> Instances:
    shift = np.array([tile.x0, tile.y0] * 2, np.float32)
    patches = tuple(Patch(patch.x + tile.x0, patch.y + tile.y0, patch.mask) for patch in found.patches)
    return Instances(found.boxes + shift, found.scores, found.classes, patches)


def _merged(parts: Sequence[Instances], tiles: Sequence[Tile | None], shape: tuple[int, ...]) -> Instances:
    """Best first. One that shows what a better one of another part does is joined to it where either is cut off by a
    tile's edge, else dropped: suppression by score, over the smaller mask."""
    boxes, scores, classes = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
    patches = [patch for part in parts for patch in part.patches]
    source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    cut = np.concatenate([_cut_off(part.boxes, tile, shape) for part, tile in zip(parts, tiles, strict=True)])
    kept: list[int] = []
    for one in np.argsort(-scores, kind="stable").tolist():
        for better in kept:
            alike = classes[one] == classes[better] and source[one] != source[better]
            if alike and _common(patches[one], patches[better]) >= SAME:
                if cut[one] or cut[better]:
                    patches[better] = _joined(patches[better], patches[one])
                    boxes[better] = _around(boxes[better], boxes[one])
                break
        else:
            kept.append(one)
    return Instances(boxes[kept], scores[kept], classes[kept], tuple(patches[at] for at in kept))


_COLUMNS = ("boxes", "scores", "classes")


def _cut_off(boxes: NDArray[np.float32], tile: Tile | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which boxes reach an edge of the tile that is none of the picture."""
    if tile is None:
        return np.zeros(len(boxes), np.bool_)
    low = [tile.x0 + TOUCH if tile.x0 else -1, tile.y0 + TOUCH if tile.y0 else -1]
    high = [tile.x1 - TOUCH if tile.x1 < shape[1] else np.inf, tile.y1 - TOUCH if tile.y1 < shape[0] else np.inf]
    reaches: NDArray[np.bool_] = (boxes[:, :2] <= low).any(1) | (boxes[:, 2:] >= high).any(1)
    return reaches


def _common(one: Patch, other: Patch) -> float:
    """The share of the smaller mask that lies in the larger one."""
    x0, y0 = max(one.x, other.x), max(one.y, other.y)
    x1, y1 = (min(a + b, c + d) for a, b, c, d in zip(*_spans(one, other), strict=True))
    if x1 <= x0 or y1 <= y0:
        return 0.0
    inside = [part.mask[y0 - part.y : y1 - part.y, x0 - part.x : x1 - part.x] for part in (one, other)]
    smaller = min(np.count_nonzero(one.mask), np.count_nonzero(other.mask))
    return np.count_nonzero(inside[0] & inside[1]) / max(1, smaller)


def _spans(one: Patch, other: Patch) -> tuple[tuple[int, int], ...]:
    """Starts and lengths in x and y of both."""
    (height, width), (its_height, its_width) = one.mask.shape, other.mask.shape
    return (one.x, one.y), (width, height), (other.x, other.y), (its_width, its_height)


def _joined(one: Patch, other: Patch) -> Patch:
    x0, y0 = min(one.x, other.x), min(one.y, other.y)
    x1, y1 = (max(a + b, c + d) for a, b, c, d in zip(*_spans(one, other), strict=True))
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for patch in (one, other):
        height, width = patch.mask.shape
        mask[patch.y - y0 :, patch.x - x0 :][:height, :width] |= patch.mask
    return Patch(x0, y0, mask)


def _around(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))
