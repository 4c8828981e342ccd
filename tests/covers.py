"""A picture with somebody in it, and the stage Cover on it."""

from __future__ import annotations

import numpy as np

from models.classes import NAMES
from pipeline.frame import EFFECT_SHIFT, EFFECTS, OBJECT, Frame, FrameSpec
from stages.privacy import Cover
from tests.frames import blank_frame

SPEC = FrameSpec(width=321, height=241)
FACE, PLATE, PERSON = (NAMES.index(name) for name in ("face", "plate", "person"))
BOX = (100, 60, 160, 140)
MASK = (90, 45, 170, 155)
MARKS = np.array(((118, 92), (142, 92), (130, 106), (120, 122), (140, 122)), np.float32)
CORNERS = np.array(((104, 82), (155, 80), (156, 98), (105, 101)), np.float32)
OWN = {effect: number for number, effect in enumerate(EFFECTS, 1)}


def staged(**options: object) -> Cover:
    stage = Cover.model_validate(options)
    stage.setup(SPEC)
    return stage


def objects(*kinds: tuple[int, tuple[int, ...], str]) -> np.ndarray:
    """Class, box and own effect of each, `` for none."""
    rows = np.zeros(len(kinds), OBJECT)
    for at, (cls, box, effect) in enumerate(kinds):
        rows[at]["cls"], rows[at]["box"], rows[at]["track"] = cls, box, at + 1
        rows[at]["flags"] = OWN.get(effect, 0) << EFFECT_SHIFT
    rows["landmarks"] = np.nan
    return rows


def framed(rows: np.ndarray, *masked: tuple[int, ...], inside: int = 0) -> Frame:
    """A smooth picture; `inside`: which noise there is in the mask."""
    frame = blank_frame(SPEC)
    y, x = np.mgrid[0 : SPEC.height, 0 : SPEC.width]
    frame.image[:] = np.stack((x % 256, y % 256, (x + y) % 256), -1)
    for x0, y0, x1, y1 in masked:
        frame.mask[y0:y1, x0:x1] = 255
    noise = np.random.default_rng(inside).integers(0, 256, frame.image.shape, np.uint8)
    frame.image[frame.mask > 0] = noise[frame.mask > 0]
    frame.put_objects(rows)
    return frame


def with_removed(frame: Frame) -> Frame:
    removed = np.full_like(frame.image, (20, 120, 220))
    removed[::7] = 90
    return Frame(dict(frame.planes) | {"removed": removed})


def done(stage: Cover, frame: Frame) -> np.ndarray:
    stage.process(frame)
    return frame.clean
