"""Lessons of `infill`: batches of crops with holes in them, cut at random, each from its own number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from models.base import Image
from models.infill_holes import hole

SIDES = (128, 256)  # of crops
SHARES = (0.5, 0.5)
LARGEST = 0.9  # of a picture's shorter side that a crop shows, at most
NOISY, NOISE = 0.3, 6.0  # share of crops with noise, and its deviation in levels, at most

Random = np.random.Generator


class Lessons(IterableDataset[Tensor]):
    """Batches float32 [B, 4, S, S] of hole (0, 1), R, G, B (0..1). Batch `number` is the same on every machine and with
    any number of workers, which share them out."""

    def __init__(self, pictures: Sequence[Image], pixels: int, seed: int, first: int = 0) -> None:
        """Batches of about `pixels`, from number `first` on; `pictures` uint8 [H, W, 3] BGR."""
        self._pyramids = [_pyramid(picture) for picture in pictures]
        self._shares = np.array([np.sqrt(picture.size) for picture in pictures])
        self._shares /= self._shares.sum()
        self._pixels, self._seed, self._first = pixels, seed, first

    def __iter__(self) -> Iterator[Tensor]:
        info = get_worker_info()
        number, step = self._first + (info.id if info else 0), info.num_workers if info else 1
        while True:
            yield self.batch(number)
            number += step

    def batch(self, number: int) -> Tensor:
        """The batch of that number."""
        random = np.random.default_rng((self._seed, number))
        side = int(random.choice(SIDES, p=SHARES))
        canvases = np.stack([self._canvas(side, random) for _ in range(max(1, self._pixels // side**2))])
        return torch.from_numpy(canvases).permute(0, 3, 1, 2).float().div_(255)

    def _canvas(self, side: int, random: Random) -> Image:
        pyramid = self._pyramids[random.choice(len(self._pyramids), p=self._shares)]
        crop = _crop(pyramid, side, random)
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        crop = _lit(crop, random)
        return np.concatenate([hole(side, random)[..., None], crop[..., ::-1]], 2)


def _pyramid(picture: Image) -> list[Image]:
    """The picture and its halves, down to the largest crop."""
    levels = [picture]
    while min(levels[-1].shape[:2]) >= 2 * SIDES[-1]:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
    return levels


def _crop(pyramid: Sequence[Image], side: int, random: Random) -> Image:
    """A square of any size from somewhere, at `side`: as small as it comes, or much of the picture."""
    shorter = min(pyramid[0].shape[:2])
    most = max(1.0, LARGEST * shorter / side)
    scale = float(np.exp(random.uniform(min(0.0, np.log(most)), np.log(most))))
    scale = min(scale, shorter / side)
    level = min(len(pyramid) - 1, max(0, int(np.log2(max(scale, 1.0)))))
    picture = pyramid[level]
    shown = max(8, min(round(side * scale / 2**level), *picture.shape[:2]))
    y, x = (int(random.integers(0, size - shown + 1)) for size in picture.shape[:2])
    way = cv2.INTER_AREA if shown > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture[y : y + shown, x : x + shown], (side, side), interpolation=way))


def _lit(crop: Image, random: Random) -> Image:
    """In another light, and with a camera's noise."""
    gains = random.uniform(0.6, 1.25) * random.uniform(0.93, 1.07, 3)
    lit = crop.astype(np.float32) * gains.astype(np.float32) + np.float32(random.uniform(-12, 20))
    if random.random() < NOISY:
        lit += random.standard_normal(lit.shape, np.float32) * np.float32(random.uniform(0, NOISE))
    return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)
