"""Scenery: whole rooms and streets, drawn by code or cut from the user's own pictures; knows no clip and no camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.scenarios_shapes import Colour, boards, door, finished, noise, panel, shelf, textured, window
from pipeline.errors import ConfigError
from pipeline.frame import Image
from stages.images import list_images
from stages.ingest.still import read_still

PLASTER: Colour = (176, 188, 196)
BRICK: Colour = (82, 100, 148)
PAVING: Colour = (128, 134, 136)
FLOOR = 0.68  # of the height: where a room's floor begins
KERB = 0.72


class Scenery:
    """Where clips are set: `room` and `street`, or pictures of a folder in their place."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises ConfigError where a folder is given that holds no picture."""
        self._pictures: Sequence[Path] = []
        if folder is not None:
            try:
                self._pictures = list_images(folder)
            except OSError as error:
                raise ConfigError(f"{folder}: no folder of pictures ({error.strerror})") from error
            if not self._pictures:
                raise ConfigError(f"{folder}: no picture in it")

    def room(self, width: int, height: int, seed: int = 1) -> Image:
        """uint8 [height, width, 3] BGR. Raises SetupError where a picture cannot be read."""
        return self._own(seed, width, height) if self._pictures else room(width, height, seed)

    def street(self, width: int, height: int, seed: int = 2) -> Image:
        """uint8 [height, width, 3] BGR. Raises SetupError where a picture cannot be read."""
        return self._own(seed, width, height) if self._pictures else street(width, height, seed)

    def _own(self, number: int, width: int, height: int) -> Image:
        """The middle of one of the pictures, of that shape."""
        whole = read_still(str(self._pictures[number % len(self._pictures)])).to_ndarray(format="bgr24")
        scale = max(width / whole.shape[1], height / whole.shape[0])
        size = max(width, round(whole.shape[1] * scale)), max(height, round(whole.shape[0] * scale))
        large = cv2.resize(whole, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        top, left = (size[1] - height) // 2, (size[0] - width) // 2
        return np.ascontiguousarray(large[top : top + height, left : left + width])


def room(width: int, height: int, seed: int = 1) -> Image:
    """Plaster, floor boards, windows, shelves of books, doors; uint8 [height, width, 3] BGR."""
    rng = np.random.default_rng(seed)
    floor, unit = round(height * FLOOR), height / 100
    picture = textured(height, width, PLASTER, 9, rng)
    picture *= np.linspace(0.86, 1.1, width, dtype=np.float32)[None, :, None]
    boards(picture, floor, rng)
    for left in range(round(8 * unit), width, round(140 * unit)):
        window(picture, left, round(12 * unit), round(34 * unit), round(30 * unit), rng)
        shelf(picture, left + round(50 * unit), round(10 * unit), round(36 * unit), floor - round(6 * unit), rng)
        door(picture, left + round(98 * unit), round(16 * unit), round(24 * unit), floor, rng)
    panel(picture, 0, floor - max(2, round(2 * unit)), width, max(2, round(2 * unit)), (92, 100, 106))
    return finished(picture, rng)


def street(width: int, height: int, seed: int = 2) -> Image:
    """Brick houses with windows and doors behind a pavement; uint8 [height, width, 3] BGR."""
    rng = np.random.default_rng(seed)
    kerb, unit = round(height * KERB), height / 100
    picture = textured(height, width, BRICK, 9, rng)
    course = max(3, round(2.4 * unit))
    for row, y in enumerate(range(0, kerb, course)):
        for x in range(-(row % 2) * course, width, 2 * course):
            picture[y : y + course, max(0, x) : x + 2 * course] *= float(rng.uniform(0.84, 1.14))
            picture[y : y + course, max(0, x) : max(0, x) + 1] *= 1.2
        picture[y : y + 1] *= 1.2
    for number, x in enumerate(range(round(7 * unit), width, round(30 * unit))):
        window(picture, x, round(8 * unit), round(17 * unit), round(23 * unit), rng)
        if number % 3 == 1:
            door(picture, x, round(38 * unit), round(16 * unit), kerb, rng)
        else:
            window(picture, x, round(40 * unit), round(17 * unit), round(21 * unit), rng)
    picture[kerb:] = textured(height - kerb, width, PAVING, 8, rng)
    for x in range(-height, width, round(14 * unit)):
        cv2.line(picture, (x + round(18 * unit), kerb), (x, height), (92, 96, 98), 1, cv2.LINE_AA)
    panel(picture, 0, kerb, width, max(2, round(3 * unit)), (150, 156, 160))
    return finished(picture, rng)


def hedge(
    width: int, height: int, seed: int, top: float, colour: Colour
) -> tuple[Image, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Leaves from an uneven edge at `top` (share of the height) downwards: uint8 [H, W, 3], and how much of each pixel
    they cover, float32 [H, W], 0 to 1."""
    rng = np.random.default_rng(seed)
    leaves = textured(height, width, colour, 20, rng)
    edge = cv2.GaussianBlur(rng.standard_normal((1, width), np.float32), (0, 0), height / 14)
    edge = height * top + edge / (np.abs(edge).max() + 1e-6) * height * 0.08
    depth = np.arange(height, dtype=np.float32)[:, None] - edge + 3 * noise((height, width), rng, scales=(1.5, 4))
    return finished(leaves, rng), np.clip(depth / 2 + 0.5, 0, 1)
