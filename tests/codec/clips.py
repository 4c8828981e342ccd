"""Clips with true masks for tests of coders, and pictures made on the fly."""

from __future__ import annotations

from itertools import islice

import av
import numpy as np

from tests.clips import DATA, needs


def clip(name: str, pictures: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The first pictures of one of the composites, uint8 [H, W, 3] BGR, and their masks, uint8 [H, W] of 0 and 255."""
    folder = needs(DATA / "composites" / name)
    with av.open(str(folder / "input.mp4")) as box:
        images = [frame.to_ndarray(format="bgr24") for frame in islice(box.decode(video=0), pictures)]
    with av.open(str(folder / "mask.mkv")) as box:
        masks = [frame.to_ndarray(format="gray") for frame in islice(box.decode(video=0), pictures)]
    return images, [np.where(mask > 127, 255, 0).astype(np.uint8) for mask in masks]


def textured(number: int, width: int = 192, height: int = 128, seed: int = 0) -> np.ndarray:
    """A picture with much to code, that moves: uint8 [H, W, 3] BGR."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(40, 216, (height // 8 + 24, width // 8 + 24, 1), dtype=np.int16)
    fine = rng.integers(-12, 13, (8 * grey.shape[0], 8 * grey.shape[1], 1), dtype=np.int16)
    # Its colours change slowly: what coding with halved colours loses is not what these tests look at.
    tint = np.linspace((-12, 0, 12), (12, 4, -12), 8 * grey.shape[1])[None].astype(np.int16)
    large = grey.repeat(8, axis=0).repeat(8, axis=1) + fine + tint
    x, y = 3 * number % 96, 2 * number % 96
    return np.ascontiguousarray(large[y : y + height, x : x + width].clip(0, 255).astype(np.uint8))


def middle(width: int = 192, height: int = 128) -> np.ndarray:
    """A mask, uint8 [H, W]: 255 in a rectangle on the grid of blocks in the middle of the picture."""
    mask = np.zeros((height, width), np.uint8)
    mask[32 : height - 32, 64 : width - 64] = 255
    return mask


def psnr(image: np.ndarray, other: np.ndarray, where: np.ndarray | None = None) -> float:
    """In dB, of BGR pictures; NaN where there is nothing to compare."""
    squares = (image.astype(np.float64) - other) ** 2
    squares = squares if where is None else squares[where]
    if not squares.size:
        return float("nan")
    return float(10 * np.log10(255**2 / max(squares.mean(), 1e-9)))
