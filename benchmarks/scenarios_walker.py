"""Walker: a person drawn by code, in clothes with texture, who walks, stands, and throws a shadow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.scenarios_shapes import Colour, Floats, noise

SKIN, HAIR, TROUSERS, COAT, SHOE = (132, 160, 206), (28, 34, 46), (84, 58, 46), (52, 42, 146), (30, 30, 34)
FINE = 4  # the outline is drawn so many times larger


@dataclass(frozen=True)
class Figure:
    """A person in a picture: colour float32 [H, W, 3], and how much of each pixel it covers, float32 [H, W], 0 to 1."""

    colour: Floats
    cover: Floats


class Walker:
    """One person of `tall` pixels; the clothes stay the same over all frames."""

    def __init__(self, width: int, height: int, tall: int, seed: int = 5, coat: Colour = COAT) -> None:
        self._size, self._tall, self._coat = (width, height), tall, coat
        self._weave = 11 * noise((2 * tall, 2 * tall), np.random.default_rng(seed), scales=(0.9, 3))

    def at(self, x: float, feet: float, stride: float) -> Figure:
        """Standing on row `feet` with the middle at column `x`; `stride`: radians of the step, 0 stands still."""
        colour, cover = np.zeros((*self._size[::-1], 3), np.float32), np.zeros(self._size[::-1], np.float32)
        for shade, points, thick in self._limbs(x, feet, stride):
            part = self._stroke(points, thick)
            colour += (np.array(shade, np.float32) - colour) * part[..., None]
            cover = np.maximum(cover, part)
        self._clothe(colour, x, feet)
        return Figure(colour, cover)

    def _limbs(self, x: float, feet: float, stride: float) -> list[tuple[Colour, Sequence[tuple[float, float]], float]]:
        """Back to front: colour, the points of a thick line, its thickness."""
        tall, swing = self._tall, math.sin(stride)
        hip, neck = (x, feet - 0.48 * tall), (x, feet - 0.82 * tall)
        parts: list[tuple[Colour, Sequence[tuple[float, float]], float]] = []
        for side in (-1, 1):
            foot = (x + side * swing * 0.16 * tall, feet - (0.03 + 0.03 * max(0.0, -side * swing)) * tall)
            knee = (x + side * swing * 0.07 * tall + 0.02 * tall, feet - 0.25 * tall)
            hand = (x - side * swing * 0.15 * tall + side * 0.02 * tall, feet - 0.47 * tall)
            shade = 0.78 if side < 0 else 1.0
            parts.append((_dim(TROUSERS, shade), (hip, knee, foot), 0.105 * tall))
            parts.append((SHOE, (foot, (foot[0] + 0.05 * tall, foot[1] + 0.01 * tall)), 0.055 * tall))
            if side > 0:
                parts.append((self._coat, (hip, (x, feet - 0.74 * tall)), 0.2 * tall))
            parts.append((_dim(self._coat, 0.72 * shade), ((x, feet - 0.78 * tall), hand), 0.075 * tall))
            parts.append((SKIN, (hand, (hand[0], hand[1] + 0.02 * tall)), 0.055 * tall))
        head = (x + 0.01 * tall, feet - 0.91 * tall)
        parts.append((SKIN, (neck, head), 0.06 * tall))
        parts.append((HAIR, ((head[0] - 0.012 * tall, head[1] - 0.018 * tall),) * 2, 0.145 * tall))
        parts.append((SKIN, ((head[0] + 0.012 * tall, head[1] + 0.006 * tall),) * 2, 0.118 * tall))
        return parts

    def _stroke(self, points: Sequence[tuple[float, float]], thick: float) -> Floats:
        """A thick line with round ends and a soft edge; what of each pixel it covers."""
        width, height = self._size
        left = math.floor(min(p[0] for p in points) - thick) - 1
        top = math.floor(min(p[1] for p in points) - thick) - 1
        right = math.ceil(max(p[0] for p in points) + thick) + 1
        bottom = math.ceil(max(p[1] for p in points) + thick) + 1
        large = np.zeros(((bottom - top) * FINE, (right - left) * FINE), np.uint8)
        ends = [(round((px - left) * FINE), round((py - top) * FINE)) for px, py in points]
        for start, end in itertools.pairwise(ends):
            cv2.line(large, start, end, 255, max(1, round(thick * FINE)))
            for end_point in (start, end):
                cv2.circle(large, end_point, max(1, round(thick * FINE / 2)), 255, -1)
        small = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        whole = np.zeros((height, width), np.float32)
        x0, y0, x1, y1 = max(0, left), max(0, top), min(width, right), min(height, bottom)
        if x0 < x1 and y0 < y1:
            whole[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
        return whole

    def _clothe(self, colour: Floats, x: float, feet: float) -> None:
        """Weave that moves along with the person, and light from one side."""
        height, width = colour.shape[:2]
        left, top = round(x) - self._tall, round(feet) - round(1.4 * self._tall)
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(width, left + 2 * self._tall), min(height, top + 2 * self._tall)
        if x0 >= x1 or y0 >= y1:
            return
        part = colour[y0:y1, x0:x1]
        part += self._weave[y0 - top : y1 - top, x0 - left : x1 - left, None] * (part.max(2, keepdims=True) > 0)
        across = np.linspace(x0 - x, x1 - x, x1 - x0, dtype=np.float32) / (0.2 * self._tall)
        part *= (1 - 0.22 * np.clip(across, -1, 1))[None, :, None]


def put(background: Floats, figure: Figure) -> Floats:
    """The person in front of it."""
    return background + (figure.colour - background) * figure.cover[..., None]


def shadow(figure: Figure, feet: float, dark: float = 0.45) -> Floats:
    """What is left of the light on the floor and wall, float32 [H, W], 1 where all: the outline laid over, blurred."""
    height, width = figure.cover.shape
    # The outline falls to the right and away: sheared about the line of the feet, flat.
    lean, flat = 0.9, 0.35
    matrix = np.array([[1, -lean, lean * feet], [0, flat, feet * (1 - flat)]], np.float32)
    fallen = cv2.warpAffine(figure.cover, matrix, (width, height))
    soft = cv2.GaussianBlur(fallen, (0, 0), max(1.0, height / 90))
    lit: Floats = 1 - dark * np.clip(soft, 0, 1)
    return lit


def reflection(figure: Figure, feet: float, share: float = 0.3) -> Figure:
    """The person once more, upside down below the feet, faint: as on a polished floor."""
    height, width = figure.cover.shape
    matrix = np.array([[1, 0, 0], [0, -1, 2 * feet]], np.float32)
    cover = cv2.GaussianBlur(cv2.warpAffine(figure.cover, matrix, (width, height)), (0, 0), 1.5)
    cover[: max(0, round(feet))] = 0
    return Figure(cv2.warpAffine(figure.colour, matrix, (width, height)), share * cover)


def _dim(colour: Colour, by: float) -> Colour:
    return tuple(round(level * by) for level in colour)  # type: ignore[return-value]
