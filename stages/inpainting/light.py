"""Light: a gain and an offset for each colour between two pictures of one scene, and how they are found."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

SAMPLES = 3000  # pixels that are looked at, of a whole frame
FEWEST = 300  # pixels that are known and open
LEAST = 0.75  # levels, on the mean: what is less cannot be told from rounding
LOW, HIGH = 20, 80  # percentiles that a first guess goes by
ROUNDS = 2
NEAR = 8  # levels within which a first guess is near
VARIED = 16  # levels squared: in what varies less, light cannot be told from more or less contrast
MOST_GAIN, MOST_OFFSET = 4.0, 96.0
EXPLAINED = 0.6  # share of the pixels that the change of light must bring back within the tolerance
BETTER = 0.1  # and by so much more of them than were within it before

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """value * gain + offset, for blue, green and red."""

    gain: Floats
    offset: Floats

    @classmethod
    def same(cls) -> Light:
        return cls(np.ones(3, np.float32), np.zeros(3, np.float32))

    @property
    def table(self) -> Image:
        """For `cv2.LUT`: uint8 [1, 256, 3]."""
        levels = np.arange(256, dtype=np.float32)[None, :, None]
        table: Image = np.clip(levels * self.gain + self.offset + 0.5, 0, 255).astype(np.uint8)
        return table

    def of(self, picture: Image) -> Image:
        """The picture, uint8 [h, w, 3] BGR, in this light; itself where that changes nothing."""
        if self.change < 0.5:
            return picture
        return cv2.LUT(np.ascontiguousarray(picture), self.table)  # type: ignore[no-any-return]

    @property
    def change(self) -> float:
        """By how many levels it changes a colour of middling brightness, at most."""
        levels = np.array([[48], [128], [208]], np.float32)
        return float(np.abs(levels * self.gain + self.offset - levels).max())

    def after(self, first: Light) -> Light:
        """First that one, then this."""
        return Light(self.gain * first.gain, self.gain * first.offset + self.offset)

    @property
    def inverse(self) -> Light:
        return Light(1 / self.gain, -self.offset / self.gain)


def change_of_light(old: Image, new: Image, known: Image, tolerance: int) -> Light | None:
    """The light that turns `old` into `new` (both [H, W, 3]) where `known` [H, W] is set; None where there is no change
    or where light does not explain it.

    `tolerance`: levels within which two colours are alike."""
    x, y = _samples(known, old, new)
    if len(x) < FEWEST or _unchanged(x, y):
        return None
    light = _fit(x, y)
    if light is None:
        return None
    lit = x * light.gain + light.offset
    if np.abs(lit - x).mean(0).max() < LEAST:
        return None
    alike = _alike(x, y, tolerance)
    least = alike + BETTER * min(1.0, 2 * (1 - alike))  # where nearly all is alike already, a slow drift counts too
    return light if _alike(lit, y, tolerance) > max(EXPLAINED, least) else None


def step_of_light(old: Image, new: Image, seen: Image) -> Light:
    """How much a memory has followed the light from one frame to the next, where it could: by one level at most."""
    x, y = _samples(seen, old, new)
    near = (np.abs(y - x) <= 1).all(1)
    if near.sum() < FEWEST:
        return Light.same()
    change = (y - x)[near]
    middle = (x + y)[near] / 2  # noise in x alone would look like less contrast, a little more in every frame
    spread = middle - middle.mean(0)
    varied = (spread**2).sum(0)
    half = np.where(varied > VARIED * near.sum(), (spread * change).sum(0) / np.maximum(varied, 1) / 2, 0)
    return Light((1 + half) / (1 - half), (change.mean(0) - 2 * half * middle.mean(0)) / (1 - half))


def _unchanged(x: Floats, y: Floats) -> bool:
    """Whether neither the darker nor the lighter half has become lighter or darker: what is nearly always so."""
    green = x[:, 1]
    lighter = green > green.mean()
    change = y - x
    return all(np.abs(np.median(change[half], axis=0)).max() < LEAST for half in (lighter, ~lighter) if half.any())


def _samples(known: Image, *pictures: Image) -> list[Floats]:
    """The colours [N, 3] of the same pixels, evenly spread over what is known, of each picture."""
    step = max(1, round((known.size / SAMPLES) ** 0.5))
    chosen = np.flatnonzero(known[::step, ::step] > 0)
    rows = [np.ascontiguousarray(picture[::step, ::step]).reshape(-1, 3) for picture in pictures]
    return [row[chosen].astype(np.float32) for row in rows]


def _fit(x: Floats, y: Floats) -> Light | None:
    gain, offset = _begin(x, y)
    for _ in range(ROUNDS):
        missed = y - x * gain - offset
        near = np.abs(missed) < 2.5 * np.median(np.abs(missed), axis=0) + 1
        count = np.maximum(near.sum(0), 1)
        mean_x, mean_y = (x * near).sum(0) / count, (y * near).sum(0) / count
        varied = ((x - mean_x) ** 2 * near).sum(0)
        slope = ((x - mean_x) * (y - mean_y) * near).sum(0) / np.maximum(varied, 1)
        gain = np.where(varied > VARIED * count, slope, 1.0)
        offset = mean_y - gain * mean_x
    sane = (gain > 1 / MOST_GAIN) & (gain < MOST_GAIN) & (np.abs(offset) < MOST_OFFSET)
    return Light(gain.astype(np.float32), offset.astype(np.float32)) if sane.all() else None


def _begin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A first guess for each colour: of several, the one that brings most pixels near."""
    (low_x, high_x), (low_y, high_y) = (np.percentile(values, (LOW, HIGH), axis=0) for values in (x, y))
    middle_x, middle_y = np.median(x, axis=0), np.median(y, axis=0)
    spread = np.where(high_x - low_x > 8, (high_y - low_y) / np.maximum(high_x - low_x, 8), 1.0)
    ratios = np.median(y / np.maximum(x, 8), axis=0)
    gains = np.stack((np.ones(3), spread, ratios, np.full(3, np.median(ratios))))
    offsets = np.stack((np.median(y - x, axis=0), middle_y - spread * middle_x, *2 * [np.zeros(3)]))
    near = (np.abs(y - x * gains[:, None] - offsets[:, None]) < NEAR).sum(1)
    best = near.argmax(0), np.arange(3)
    return gains[best], offsets[best]


def _alike(x: Floats, y: Floats, tolerance: int) -> float:
    return float((np.abs(x - y).max(1) <= tolerance).mean())
