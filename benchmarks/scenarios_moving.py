"""Clips of a camera that moves: each frame's place in one large picture is known; or layers shift past each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.scenarios_clip import Scenario, Shot, Stage, film, walking
from benchmarks.scenarios_scenery import hedge
from benchmarks.scenarios_shapes import Floats
from benchmarks.scenarios_walker import Figure, put

Matrix = NDArray[np.float64]
LARGE = 1.9  # the picture that the camera looks at, in frames a side
DISTANCES = (0.45, 1.0, 1.8)  # of the far, middle and near layer: pixels that each shifts when the middle shifts one


def pan(stage: Stage) -> Scenario:
    says = "the camera pans to the right at an even pace"
    return _looked("pan", says, stage, lambda share, _: _view(stage, x=0.32 * (2 * share - 1)))


def zoom(stage: Stage) -> Scenario:
    says = "the camera zooms in by a third and out again"
    return _looked("zoom", says, stage, lambda share, _: _view(stage, zoom=1 + 0.35 * math.sin(math.pi * share)))


def roll(stage: Stage) -> Scenario:
    says = "the camera rolls by six degrees to either side"
    return _looked("roll", says, stage, lambda share, _: _view(stage, roll=6 * math.sin(2 * math.pi * share)))


def shake(stage: Stage) -> Scenario:
    says = "the camera is held by an unsteady hand"

    def camera(_: float, index: int) -> Matrix:
        x, y, turn = _tremor(index)
        return _view(stage, x=0.012 * x, y=0.018 * y, roll=0.5 * turn)

    return _looked("shake", says, stage, camera)


def wander(stage: Stage) -> Scenario:
    says = "pan, zoom, roll, tilt and shake all at once"

    def camera(share: float, index: int) -> Matrix:
        x, y, turn = _tremor(index)
        swing = math.sin(2 * math.pi * share)
        return _view(
            stage, x=0.2 * (2 * share - 1) + 0.004 * x, y=0.05 * swing + 0.006 * y,
            zoom=1 + 0.15 * share, roll=2.5 * swing + 0.2 * turn, tilt=0.08 * swing,
        )  # fmt: skip

    return _looked("wander", says, stage, camera)


def parallax(stage: Stage) -> Scenario:
    """No homography describes this: far houses, a hedge in the middle and one in front shift by different amounts."""
    says = "the camera moves sideways past houses, a hedge, and leaves close by"
    wide = round(stage.width * LARGE)
    far = stage.scenery.street(wide, stage.height).astype(np.float32)
    middle = hedge(wide, stage.height, 21, 0.62, (52, 104, 78))
    near = hedge(wide, stage.height, 22, 0.84, (34, 70, 44))

    layers: tuple[Floats, ...] = tuple(np.asarray(layer, np.float32) for layer in (far, *middle, *near))

    def shots() -> Iterator[Shot]:
        walker = stage.walker()
        for index in range(stage.count):
            shift = 0.22 * stage.width * index / stage.count, 2.0 * math.sin(index / 6)
            views = [_shifted(layer, *shift, by, stage) for layer, by in zip(layers, _EACH, strict=True)]
            back, bush, bush_cover, front, front_cover = views
            figure, leaves = stage.person(walker, index), Figure(front, np.clip(front_cover, 0, 1))
            place = put(back, Figure(bush, np.clip(bush_cover, 0, 1)))
            cover = figure.cover * (1 - leaves.cover)
            yield Shot(put(place, leaves), put(put(place, figure), leaves), cover)

    return film("parallax", says, shots())


_EACH = (DISTANCES[0], DISTANCES[1], DISTANCES[1], DISTANCES[2], DISTANCES[2])


def _looked(name: str, says: str, stage: Stage, camera: Callable[[float, int], Matrix]) -> Scenario:
    """Somebody crosses in front of one large picture; `camera` (share of the clip, index) places it in the frame."""
    street = stage.scenery.street(round(stage.width * LARGE), round(stage.height * LARGE)).astype(np.float32)
    size = (stage.width, stage.height)

    def shots() -> Iterator[Shot]:
        walker, first = stage.walker(), np.linalg.inv(camera(0, 0))
        for index in range(stage.count):
            view = camera(index / max(1, stage.count - 1), index)
            place = cv2.warpPerspective(street, view, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
            whole = view @ first
            shot = walking(place, stage.person(walker, index))
            yield Shot(shot.empty, shot.full, shot.cover, homography=whole / whole[2, 2])

    return film(name, says, shots())


def _view(
    stage: Stage, *, x: float = 0.0, y: float = 0.0, zoom: float = 1.0, roll: float = 0.0, tilt: float = 0.0
) -> Matrix:
    """From the large picture to the frame. `x`, `y`: where the camera looks, off the middle, in frames; `roll` in
    degrees; `tilt`: how much farther away the upper edge is, as a share."""
    turn = math.radians(roll)
    large = np.array([[1, 0, -(LARGE / 2 + x) * stage.width], [0, 1, -(LARGE / 2 + y) * stage.height], [0, 0, 1]])
    spin = zoom * np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1 / zoom]]
    )
    lean = np.array([[1, 0, 0], [0, 1, 0], [0, -tilt / stage.height, 1]])
    middle = np.array([[1, 0, stage.width / 2], [0, 1, stage.height / 2], [0, 0, 1]])
    view: Matrix = middle @ lean @ spin @ large
    return view


def _tremor(index: int) -> tuple[float, float, float]:
    """Three numbers of about 1 in size that change from frame to frame, half of it at once, half slowly."""
    sudden = np.random.default_rng(500 + index).uniform(-1, 1, 3)
    slow = np.sin(index / np.array([2.1, 3.3, 2.7]) + np.array([0.3, 1.9, 0.8]))
    x, y, turn = 0.5 * sudden + 0.7 * slow
    return float(x), float(y), float(turn)


def _shifted(layer: Floats, across: float, down: float, by: float, stage: Stage) -> Floats:
    """What the frame shows of a wide layer that shifts `by` times as far as the middle one."""
    margin = 0.1 * stage.width
    matrix = np.array([[1, 0, -margin - by * across], [0, 1, by * down]], np.float32)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        layer, matrix, (stage.width, stage.height), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip
