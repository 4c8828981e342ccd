"""Shapes: textures and the furniture of a drawn scene, painted into float32 pictures [H, W, 3] BGR, levels 0 to 255."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]

SPINES: tuple[Colour, ...] = (
    (70, 60, 150), (120, 110, 60), (60, 130, 160), (150, 150, 170), (60, 80, 60), (140, 90, 90)
)  # fmt: skip
WHITE, DARK, OAK = (214, 218, 220), (58, 52, 48), (66, 92, 122)


def noise(size: tuple[int, ...], rng: np.random.Generator, scales: tuple[float, ...] = (0.8, 3, 12)) -> Floats:
    """Texture at several scales at once, as surfaces have it: float32 of that size, mean 0, deviation 1."""
    total = np.zeros(size, np.float32)
    for number, scale in enumerate(scales):
        layer = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), scale)
        total += layer / (layer.std() + 1e-6) * (1 + 0.4 * number)
    return total / (total.std() + 1e-6)  # type: ignore[no-any-return]


def textured(height: int, width: int, colour: Colour, strength: float, rng: np.random.Generator) -> Floats:
    """A surface of that colour, rough by so many levels."""
    surface = np.empty((height, width, 3), np.float32)
    surface[:] = colour
    return surface + strength * noise((height, width), rng)[..., None]


def finished(picture: Floats, rng: np.random.Generator) -> Image:
    """As a lens would show it: no edge sharper than pixels allow, a little dirt everywhere; uint8."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7)
    soft += 2.5 * noise(picture.shape[:2], rng, scales=(0.7, 1.5))[..., None]
    shown: Image = np.clip(np.rint(soft), 0, 255).astype(np.uint8)
    return shown


def panel(picture: Floats, x: int, y: int, width: int, height: int, colour: Colour) -> Floats:
    """A flat rectangle, cut where the picture ends; the part of the picture that it covers."""
    part = picture[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    part[:] = colour
    return part


def boards(picture: Floats, top: int, rng: np.random.Generator) -> None:
    """A floor of boards that run away from the eye, from row `top` down."""
    height, width = picture.shape[:2]
    picture[top:] = textured(height - top, width, OAK, 7, rng)
    for x in range(-2 * height, width + 2 * height, max(8, height // 7)):
        shade = float(rng.uniform(0.86, 1.1))
        far, step = round(width / 2 + (x - width / 2) * 0.6), max(5, round(height / 7 * 0.6))
        plank = np.array([(far, top), (far + step, top), (x + height // 7, height), (x, height)], np.int32)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, plank, 1)
        picture[mask > 0] *= shade
        cv2.line(picture, (far, top), (x, height), (40, 52, 66), 1, cv2.LINE_AA)


def window(picture: Floats, x: int, y: int, width: int, height: int, rng: np.random.Generator) -> None:
    """Panes in a white frame, with blurred trees and sky behind."""
    frame = max(1, width // 14)
    panel(picture, x, y, width, height, WHITE)
    glass = panel(picture, x + frame, y + frame, width - 2 * frame, height - 2 * frame, (206, 190, 168))
    if glass.size:
        glass += 16 * noise(glass.shape[:2], rng, scales=(3, 9))[..., None] * (0.6, 1.0, 0.9)
        glass *= np.linspace(1.12, 0.72, len(glass), dtype=np.float32)[:, None, None]
    panel(picture, x + width // 2 - frame // 2, y, max(1, frame), height, WHITE)
    panel(picture, x, y + height // 2 - frame // 2, width, max(1, frame), WHITE)
    panel(picture, x - frame, y + height, width + 2 * frame, max(1, frame), (150, 156, 160))


def door(picture: Floats, x: int, y: int, width: int, bottom: int, rng: np.random.Generator) -> None:
    """A wooden door with two panels and a handle, down to row `bottom`."""
    leaf = panel(picture, x, y, width, bottom - y, (58, 82, 116))
    if leaf.size:
        leaf += 7 * noise(leaf.shape[:2], rng, scales=(0.8, 6))[..., None]
    inset, half = max(2, width // 7), (bottom - y) // 2
    for top in (y + inset, y + half + inset // 2):
        inner = picture[top : max(top, top + half - 2 * inset), max(0, x + inset) : max(0, x + width - inset)]
        inner *= 0.84
    panel(picture, x + width - inset, y + half, max(2, width // 12), max(2, width // 9), (150, 190, 205))


def shelf(picture: Floats, x: int, y: int, width: int, bottom: int, rng: np.random.Generator) -> None:
    """Books of all colours on four boards."""
    panel(picture, x, y, width, bottom - y, DARK)
    rows, edge = 4, max(1, width // 30)
    step = (bottom - y) // rows
    for row in range(rows):
        left, floor = x + edge, y + (row + 1) * step - edge
        while left < x + width - edge:
            wide = int(rng.integers(max(2, width // 22), max(4, width // 9)))
            tall = int(step * rng.uniform(0.55, 0.88))
            wide = min(wide, x + width - edge - left)
            spine = panel(picture, left, floor - tall, wide, tall, SPINES[int(rng.integers(len(SPINES)))])
            spine *= float(rng.uniform(0.7, 1.25))
            panel(picture, left, floor - tall // 2, wide, max(1, tall // 8), (196, 204, 208))
            left += wide + int(rng.integers(0, 2))
        panel(picture, x, floor, width, edge + 1, OAK)
