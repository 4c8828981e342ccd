"""DriftTest: has the picture as a whole shifted, turned or grown since the background was learned? However slowly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Image, Layout

LONG_SIDE = 160  # pixels of the reduced picture, about
MEMORY = 48  # frames over which the reference is averaged: a steady v pixels per frame becomes v * MEMORY
LIMIT = 0.75  # pixels of the full picture
LIMIT_REDUCED = 0.09  # pixels of the reduced one: what can be told from noise
TEXTURE = 2.0  # levels per pixel: what is flatter tells nothing of motion
ENOUGH, MOST = 200, 1500  # pixels for eight unknowns
ROUNDS = 3
TELLING = 2.0  # levels of change that a motion must predict for a pixel to have a say
CONSENT = 0.6  # share of those pixels that the motion must explain better than standing still does

Floats = NDArray[np.float32]


class DriftTest:
    """Fits one affine motion, gain and offset to the change since a slowly renewed reference: least squares on
    brightness gradients (Lucas and Kanade 1981), reweighted, and then put to the vote, so that a thing that moves by
    itself in front of a still background does not count."""

    def __init__(self, height: int, width: int) -> None:
        self._ratio = max(1, round(max(height, width) / LONG_SIDE))
        self._size = max(1, width // self._ratio), max(1, height // self._ratio)
        self._skip = 2 if self._ratio > 3 else 1
        self._green = np.empty((-(-height // self._skip), width), np.uint8)
        self._basis = _basis(*self._size)
        self._limit = max(LIMIT / self._ratio, LIMIT_REDUCED)
        self._small = np.empty(self._size[::-1], np.float32)
        self._open = np.empty(self._size[::-1], np.bool_)

    def memory(self) -> Layout:
        """`reference`: levels of green; `seen`: 1 where it is known."""
        size = self._size[::-1]
        return {"reference": (size, "f4"), "seen": (size, "u1")}

    def happened(self, image: Image, mask: Image, before: Arrays) -> bool:
        """Whether most of what has texture has moved, all in one motion, by more than the limit."""
        self._reduce(image, mask)
        reference = before["reference"]
        mean = (self._small + reference) / 2
        across, down = (cv2.Sobel(mean, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1))
        textured = self._open & (before["seen"] > 0) & (cv2.magnitude(across, down) > TEXTURE)
        textured[[0, -1]] = textured[:, [0, -1]] = False
        chosen = np.flatnonzero(textured)
        if len(chosen) < ENOUGH:
            return False
        chosen = chosen[:: -(-len(chosen) // MOST)]
        place, change = self._basis[:, chosen], (self._small - reference).ravel()[chosen]
        light = np.stack((mean.ravel()[chosen] / 128, place[0]))
        columns = np.concatenate((place * across.ravel()[chosen], place * down.ravel()[chosen], light))
        fit = _fit(columns, -change)
        return _extent(fit[:6]) > self._limit and _agreed(columns, fit, change)

    def renew(self, before: Arrays, after: Arrays, forget: bool) -> None:
        """Write all of `after`: the reference drawn a little towards the picture last given to `happened`."""
        seen = np.zeros_like(before["seen"]) if forget else before["seen"]
        rate = np.where(seen > 0, np.float32(1 / MEMORY), np.float32(1)) * self._open
        np.copyto(after["reference"], before["reference"] + (self._small - before["reference"]) * rate)
        np.copyto(after["seen"], np.maximum(seen, self._open))

    def _reduce(self, image: Image, mask: Image) -> None:
        """The picture's green, small; and where it shows nothing of the mask."""
        cv2.extractChannel(image[:: self._skip], 1, dst=self._green)  # every other row is enough, and half the cost
        small = cv2.resize(self._green, self._size, interpolation=cv2.INTER_AREA)
        cv2.GaussianBlur(small.astype(np.float32), (3, 3), 0, dst=self._small)
        hidden = cv2.resize(mask, self._size, interpolation=cv2.INTER_NEAREST)
        np.equal(cv2.dilate(hidden, np.ones((3, 3), np.uint8)), 0, out=self._open)


def _basis(width: int, height: int) -> Floats:
    """1, x, y of every pixel, x and y from -1 to 1, float32 [3, H * W]."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    basis: Floats = np.stack((np.ones_like(x), x, y)).reshape(3, -1).astype(np.float32)
    return basis


def _fit(columns: Floats, target: Floats) -> Floats:
    """The factors of `columns` [8, N] that sum to `target` [N]: Cauchy weights, beginning from zero."""
    fit: Floats = np.zeros(len(columns), np.float32)
    for _ in range(ROUNDS):
        residual = target - fit @ columns
        scale = 1.5 * np.median(np.abs(residual)) + 0.5
        weighted = columns / (1 + (residual / scale) ** 2)
        normal = weighted @ columns.T + np.eye(8, dtype=np.float32) * 0.01
        fit[:] = np.linalg.solve(normal, weighted @ target)
    return fit


def _extent(motion: Floats) -> float:
    """Root mean square over the picture of an affine motion (x: 3 factors, y: 3 factors), in pixels."""
    places = np.array([(1, x, y) for x in (-0.7, 0, 0.7) for y in (-0.7, 0, 0.7)])
    return float(np.sqrt(((places @ motion.reshape(2, 3).T) ** 2).sum(1).mean()))


def _agreed(columns: Floats, fit: Floats, change: Floats) -> bool:
    flow = fit[:6] @ columns[:6]
    unexplained = change + fit[6:] @ columns[6:]
    telling = np.abs(flow) > TELLING
    better = (np.abs(unexplained + flow) < np.abs(unexplained))[telling]
    return bool(len(better)) and float(better.mean()) > CONSENT
