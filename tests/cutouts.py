"""Somebody in front of something: pictures that are mixed by a known alpha, and the rough mask a network would draw."""

from __future__ import annotations

import cv2
import numpy as np

from tests.frames import scenery

HEIGHT, WIDTH = 180, 320
SKIN = np.array((60, 110, 220), np.uint8)  # blue, green, red


def disc(x: float, y: float, radius: float, soft: float = 1.0) -> np.ndarray:
    """Alpha uint8 [H, W] of a disc whose edge is `soft` pixels wide or so."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    away = np.hypot(columns - x, rows - y)
    return np.rint(255 * np.clip((radius - away) / (2 * soft) + 0.5, 0, 1)).astype(np.uint8)


def behind() -> np.ndarray:
    """A room in cold colours, uint8 [H, W, 3]."""
    room = scenery(HEIGHT, WIDTH).astype(np.float32)
    room[..., 2] *= 0.4
    return room.astype(np.uint8)


def mixed(alpha: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Somebody of one colour, with a grain to the skin, in front of the room."""
    grain = np.random.default_rng(1).normal(0, 3, (HEIGHT, WIDTH, 1))
    share = alpha[..., None] / 255
    return np.clip(np.rint(share * (SKIN + grain) + (1 - share) * room), 0, 255).astype(np.uint8)


def rough(alpha: np.ndarray, off: int = 1) -> np.ndarray:
    """The mask of 0 and 255, grown and blunt, as segmentation draws it."""
    return cv2.dilate(np.where(alpha > 127, 255, 0).astype(np.uint8), np.ones((2 * off + 1,) * 2))


def error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())
