"""Holes to learn from: people as drawn with a few thick limbs, strokes and boxes; anywhere, also over the edge."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from models.base import Image

LEAST, MOST = 0.03, 0.5  # of the picture that is hole
TRIES = 8
KINDS = ("person", "strokes", "boxes")
SHARES = (0.45, 0.4, 0.15)

Random = np.random.Generator
Point = tuple[float, float]


def hole(side: int, random: Random) -> Image:
    """uint8 [side, side], 255 inside: of one kind or, seldom, of two."""
    for _ in range(TRIES):
        found = np.zeros((side, side), np.uint8)
        for _ in range(1 + int(random.random() < 0.2)):
            _draw(random.choice(KINDS, p=SHARES), found, random)
        if LEAST <= np.count_nonzero(found) / found.size <= MOST:
            return found
    found = np.zeros((side, side), np.uint8)
    cv2.circle(found, (side // 2, side // 2), side // 5, 255, -1)
    return found


def _draw(kind: str, into: Image, random: Random) -> None:
    {"person": person, "strokes": _strokes, "boxes": _boxes}[kind](into, random)


def person(into: Image, random: Random) -> None:
    """A figure of head, trunk, arms and legs, grown as masks are."""
    side = into.shape[0]
    tall = side * random.uniform(0.35, 1.1)
    x, top = side * random.uniform(0.1, 0.9), side * random.uniform(-0.2, 0.6)
    thick = tall * random.uniform(0.08, 0.15)
    lean = random.uniform(-0.08, 0.08) * tall

    def point(across: float, down: float) -> Point:
        return x + across * tall + lean * down, top + down * tall

    hips, neck = point(0, 0.5), point(0, 0.2)
    _limb(into, neck, hips, thick * random.uniform(1.6, 2.6))
    cv2.circle(into, _whole(point(0, 0.09)), max(2, int(thick * random.uniform(0.8, 1.1))), 255, -1)
    for way in (-1, 1):
        elbow = point(way * random.uniform(0.08, 0.2), random.uniform(0.25, 0.42))
        hand = point(way * random.uniform(0.02, 0.3), random.uniform(0.2, 0.6))
        knee = point(way * random.uniform(0.0, 0.14), random.uniform(0.68, 0.78))
        foot = point(way * random.uniform(0.0, 0.22), random.uniform(0.92, 1.0))
        for joints, width in (((neck, elbow, hand), thick * 0.7), ((hips, knee, foot), thick)):
            for one, other in pairwise(joints):
                _limb(into, one, other, width)


def _strokes(into: Image, random: Random) -> None:
    side = into.shape[0]
    for _ in range(random.integers(1, 4)):
        at, turn = random.uniform(0, side, 2), random.uniform(0, 2 * np.pi)
        width = side * random.uniform(0.02, 0.14)
        for _ in range(random.integers(2, 7)):
            turn += random.normal(0, 0.8)
            to = at + side * random.uniform(0.08, 0.3) * np.array([np.cos(turn), np.sin(turn)])
            _limb(into, (at[0], at[1]), (to[0], to[1]), width)
            at = to


def _boxes(into: Image, random: Random) -> None:
    side = into.shape[0]
    for _ in range(random.integers(1, 3)):
        width, height = (random.uniform(0.12, 0.65, 2) * side).astype(int)
        x, y = random.integers(-width // 3, side - width // 2), random.integers(-height // 3, side - height // 2)
        if random.random() < 0.5:
            cv2.rectangle(into, (int(x), int(y)), (int(x + width), int(y + height)), 255, -1)
        else:
            middle, half = (int(x + width // 2), int(y + height // 2)), (int(width // 2), int(height // 2))
            cv2.ellipse(into, middle, half, random.uniform(0, 180), 0, 360, 255, -1)


def _limb(into: Image, one: Point, other: Point, width: float) -> None:
    cv2.line(into, _whole(one), _whole(other), 255, max(1, round(width)))


def _whole(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])
