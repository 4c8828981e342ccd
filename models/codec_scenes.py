"""Short scenes to train the neural coder on: windows of pictures that move, people pasted over them, noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.base import Image
from models.codec_material import Shot

MARGIN = 32  # pixels around a window of a photograph in which it can move
LENGTH = 4  # pictures of a scene; the first is coded without a prediction


@dataclass(frozen=True, slots=True)
class View:
    """A picture of a scene, uint8 [S, S, 3] BGR; people in it, uint8 [S, S]; by how many pixels (x, y) what stands
    still has moved since the one before."""

    image: Image
    mask: Image
    moved: tuple[float, float]


class Scene:
    """A window of S pixels a side on one of the shots."""

    def __init__(self, shots: Sequence[Shot], size: int, random: np.random.Generator) -> None:
        self._random, self._size = random, size
        self._noise = float(random.choice([0, 0, 1, 2, 4]))
        shot = shots[int(random.integers(len(shots)))]
        self._video = len(shot.images) > 1
        self._velocity = np.zeros(2)
        if self._video:
            self._images, self._masks = _window(shot, size, random)
            return
        self._images, self._masks = _window(shot, size + 2 * MARGIN, random)
        if random.random() < 0.6:
            self._velocity = random.normal(0, 2.5, 2).clip(-8, 8)
        self._pasted = _person(shots, size, random) if random.random() < 0.5 else None
        self._place = random.uniform(0, size / 2, 2)
        self._walk = random.normal(0, 2, 2)

    def view(self, number: int) -> View:
        """Picture `number` of LENGTH."""
        if self._video:
            image, mask, moved = self._images[number], self._masks[number], (0.0, 0.0)
        else:
            image, mask = self._moved(number)
            x, y = -self._velocity
            moved = float(x), float(y)
        if self._noise:
            image = np.clip(image + self._random.normal(0, self._noise, image.shape), 0, 255).astype(np.uint8)
        return View(np.ascontiguousarray(image), np.ascontiguousarray(mask), moved)

    def _moved(self, number: int) -> tuple[Image, Image]:
        x, y = MARGIN + self._velocity * (number - LENGTH / 2)
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        size = self._size, self._size
        image = cv2.warpAffine(self._images[0], shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        mask = cv2.warpAffine(self._masks[0], shift, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
        if self._pasted is not None:
            person, alpha = self._pasted
            x, y = self._place + self._walk * number
            shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
            person = cv2.warpAffine(person, shift, size, flags=cv2.INTER_LINEAR)
            soft = cv2.warpAffine(alpha, shift, size, flags=cv2.INTER_LINEAR)
            weight = soft[..., None] / 255
            image = (image * (1 - weight) + person * weight + 0.5).astype(np.uint8)
            mask = np.maximum(mask, np.where(soft > 127, 255, 0).astype(np.uint8))
        return np.asarray(image), np.asarray(mask)


def _window(shot: Shot, size: int, random: np.random.Generator) -> tuple[Image, Image]:
    """A square of the shot somewhere, at some size, as `size` pixels a side; of a video LENGTH pictures of it."""
    count, height, width = shot.masks.shape
    largest = min(height, width)
    side = int(min(largest, size * np.exp(random.uniform(np.log(0.8), np.log(max(0.6 * largest / size, 1.0))))))
    start = int(random.integers(max(count - LENGTH, 0) + 1))
    x, y = int(random.integers(width - side + 1)), int(random.integers(height - side + 1))
    places = np.argwhere(shot.masks[start])
    if len(places) and random.random() < 0.7:  # where people are there is most to learn
        row, column = places[int(random.integers(len(places)))]
        y, x = (int(np.clip(at - side // 2, 0, most - side)) for at, most in ((row, height), (column, width)))
    flip = slice(None, None, int(random.choice([1, -1])))
    part = slice(start, start + LENGTH), slice(y, y + side), slice(x, x + side)
    images = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)[:, flip] for image in shot.images[part]]
    masks = [cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)[:, flip] for mask in shot.masks[part]]
    return np.stack(images), np.stack(masks)


def _person(shots: Sequence[Shot], size: int, random: np.random.Generator) -> tuple[Image, Image] | None:
    """A window of `size` pixels with somebody in it, and where they are; None where the one tried has nobody."""
    shot = shots[int(random.integers(len(shots)))]
    number = int(random.integers(len(shot.images)))
    found, labels, boxes, _ = cv2.connectedComponentsWithStats(shot.masks[number])
    if found < 2:
        return None
    chosen = 1 + int(random.integers(found - 1))
    x, y, width, height, area = boxes[chosen]
    if area < 400:
        return None
    part = slice(y, y + height), slice(x, x + width)
    factor = random.uniform(0.4, 1.0) * size / max(height, width)
    into = max(round(width * factor), 1), max(round(height * factor), 1)
    person = cv2.resize(shot.images[number][part], into, interpolation=cv2.INTER_AREA)
    alpha = np.where(labels[part] == chosen, 255, 0).astype(np.uint8)
    alpha = cv2.resize(alpha, into, interpolation=cv2.INTER_AREA)
    image, mask = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    image[: into[1], : into[0]], mask[: into[1], : into[0]] = person, alpha
    return image, mask


def shifted(image: Image, moved: tuple[float, float], random: np.random.Generator) -> Image:
    """A picture as block motion in quarter pixels would predict the next from it: never quite right."""
    x, y = (round((part + random.normal(0, 0.15)) * 4) / 4 for part in moved)
    matrix: NDArray[np.float32] = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = image.shape[:2]
    flags = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), **flags))
