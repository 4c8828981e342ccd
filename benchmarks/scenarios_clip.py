"""Scenario: a short clip whose truth is known, and how one is filmed from a row of shots; knows no plate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.scenarios_scenery import Scenery
from benchmarks.scenarios_shapes import Floats
from benchmarks.scenarios_walker import Figure, Walker, put
from pipeline.frame import Image

GROW = 8  # pixels by which the given masks are larger than the person, as `segmentation.grow` makes them
TOUCHED = 3.0  # levels from which a shadow counts as to be removed
GRAIN = 1.5  # levels: the noise of a fair camera
ENTER = 8  # frames before anybody comes in


@dataclass(frozen=True)
class Scenario:
    """Lists of equal length, pictures uint8 [H, W, 3] BGR and masks uint8 [H, W] of 0 and 255.

    `masks`: what a detector gives, grown; in some clips it misses somebody. `hidden`: what really has to go, with
    shadows. `truth`: the same moments without it, with the same noise. `homographies`: from the first frame's
    background to this one's, float64 [3, 3], where one describes the camera."""

    name: str
    says: str
    frames: list[Image]
    masks: list[Image]
    hidden: list[Image]
    truth: list[Image]
    rate: int = 15
    homographies: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        height, width = self.masks[0].shape
        return width, height

    def missed(self, index: int) -> bool:
        """Whether somebody is there in that frame of whom the given mask knows nothing."""
        return bool(self.hidden[index].any()) and not self.masks[index].any()


@dataclass(frozen=True)
class Stage:
    """What a clip is made from: its size in pixels and in frames, and where it is set."""

    width: int = 480
    height: int = 270
    count: int = 75
    scenery: Scenery = field(default_factory=Scenery)

    @property
    def feet(self) -> float:
        """The row on which people walk."""
        return 0.93 * self.height

    def walker(self) -> Walker:
        """Somebody of a size that fits."""
        return Walker(self.width, self.height, round(0.62 * self.height))

    def across(self, index: int, begin: int = ENTER, end: int | None = None) -> float:
        """The column of somebody who crosses from the left, outside the picture before and after."""
        last = self.count - 6 if end is None else end
        return self.width * (-0.2 + 1.4 * (index - begin) / max(1, last - begin))

    def person(self, walker: Walker, index: int, **path: int) -> Figure:
        """The person on the way across in that frame."""
        return walker.at(self.across(index, **path), self.feet, stride(index))


@dataclass(frozen=True)
class Shot:
    """One moment before the camera's own faults: the empty place, and with all that is to go; float32 [H, W, 3].

    `cover`: how much of each pixel a person takes. `found`: whether the given mask knows of it."""

    empty: Floats
    full: Floats
    cover: Floats
    found: bool = True
    homography: NDArray[np.float64] | None = None


Light = Callable[[int, Floats], Floats]


def stride(index: int) -> float:
    """The phase of the step, radians."""
    return 0.55 * index


def walking(empty: Floats, figure: Figure, *, found: bool = True) -> Shot:
    """Somebody in front of the background, without a trace elsewhere."""
    return Shot(empty, put(empty, figure), figure.cover, found)


def film(
    name: str, says: str, shots: Iterable[Shot], *, light: Light = lambda _, picture: picture, grain: float = GRAIN
) -> Scenario:
    """Through the camera: `light` changes a picture as exposure does; then comes noise of `grain` levels, the same in
    a frame and its truth."""
    clip = Scenario(name, says, [], [], [], [])
    for index, shot in enumerate(shots):
        noise = np.random.default_rng(index).standard_normal(shot.empty.shape, np.float32) * grain
        for picture, row in ((shot.full, clip.frames), (shot.empty, clip.truth)):
            row.append(np.clip(np.rint(light(index, picture) + noise), 0, 255).astype(np.uint8))
        traces = np.abs(shot.full - shot.empty).max(2) > TOUCHED
        clip.hidden.append(np.where(traces | (shot.cover > 0.02), 255, 0).astype(np.uint8))
        clip.masks.append(_given(shot))
        if shot.homography is not None:
            clip.homographies.append(shot.homography)
    return clip


def _given(shot: Shot) -> Image:
    outline = (shot.cover > 0.5).astype(np.uint8) * 255
    if not shot.found:
        outline[:] = 0
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROW + 1, 2 * GROW + 1))
    return cv2.dilate(outline, disc)  # type: ignore[no-any-return]
