"""Faces: source faces, and how one is laid over somebody's, so that no pixel of that remains."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SetupError
from pipeline.frame import Image, Table
from pipeline.reading import printable
from stages.box import Box
from stages.images import list_images
from stages.privacy.pictures import DRAWN, read_picture, warped, weighed

CAST = "ada", "bo", "chi", "dot", "eli", "fay"
MOST = 100  # source faces
LEVELS = 16, 4, 4  # steps in which lightness and the two colours of a face are told
SPREAD = 8  # the same, of how much its lightness varies
TOWARDS = 0.75  # how far the source's colours go to those of whom it covers
SCALE = 0.6, 1.7  # of what the box alone would give: within it landmarks are believed
MISS = 0.2  # of the box's sides: by how much landmarks may miss their places
OUTSIDE = 0.25  # the same: by how much one may lie outside of the box

Floats = NDArray[np.float32]
Finder = Callable[[Image], Floats | None]
"""The five landmarks [5, 2] of the best face of a picture [h, w, 3]; None where there is none."""


@dataclass(frozen=True)
class Source:
    """A face to be shown: uint8 [h, w, 4], its landmarks [5, 2] and its box x0 y0 x1 y1, in its own pixels."""

    picture: Image
    landmarks: Floats
    box: Floats

    @cached_property
    def smaller(self) -> list[Image]:
        """The picture at half its size, at a quarter, and so on."""
        found = [self.picture]
        while min(found[-1].shape[:2]) >= 32:
            size = found[-1].shape[1] // 2, found[-1].shape[0] // 2
            half = cv2.resize(weighed(found[-1]), size, interpolation=cv2.INTER_AREA)
            share = np.maximum(half[..., 3:].astype(np.float32) / 255, 1 / 255)
            found.append(np.dstack((np.minimum(half[..., :3] / share, 255).astype(np.uint8), half[..., 3])))
        return found[1:]

    @cached_property
    def tone(self) -> tuple[Floats, float]:
        """Mean colour (Lab) of the face, and the standard deviation of its lightness."""
        x0, y0, x1, y1 = (int(at) for at in self.box)
        return tone_of(np.ascontiguousarray(self.picture[max(0, y0) : y1, max(0, x0) : x1, :3]))


class Drawn(Sequence[Source]):
    """Those that are shipped; each is read when it is wanted."""

    def __len__(self) -> int:
        return len(CAST)

    def __getitem__(self, at: Any) -> Any:
        return _drawn(CAST[at])


@cache
def _drawn(name: str) -> Source:
    path = DRAWN / "faces" / f"{name}.png"
    picture = read_picture(path)
    return _source(picture, _read_landmarks(path.with_suffix(".json"), picture.shape))


def read_sources(folder: str, find: Callable[[], Finder]) -> list[Source]:
    """The pictures of a folder. Beside NAME.png may lie NAME.json: {"landmarks": [[x, y], ... five of them]}; for
    others `find()` gives what looks for them. Raises SetupError."""
    try:
        paths = list_images(folder)
    except OSError as error:
        raise SetupError(f"faces: {printable(folder)}: no folder that can be read ({error.strerror})") from error
    if not 0 < len(paths) <= MOST:
        raise SetupError(f"faces: {printable(folder)}: {len(paths)} pictures, but 1 to {MOST} are needed")
    finder: Finder | None = None
    found = []
    for path in paths:
        picture = read_picture(path)
        beside = path.with_suffix(".json")
        if beside.exists():
            marks = _read_landmarks(beside, picture.shape)
        else:
            finder = finder or find()
            marks = _found_landmarks(path, picture, finder)
        found.append(_source(picture, marks))
    return found


def laid_face(place: Box, row: Table, source: Source, tone: tuple[Floats, float]) -> Image:
    """Weighed [h, w, 4] for `place`: `source` as the face of `row` lies there; `tone` is that of whom it covers. Of him
    only landmarks, place and tone are used."""
    fit = alignment(source, row["box"], row["landmarks"])
    fit[:, 2] -= place.x0, place.y0
    picture = source.picture
    size = source.picture.shape
    scale = np.sqrt(abs(float(np.linalg.det(fit[:, :2]))))
    for smaller in source.smaller:
        if scale * size[1] > 1.5 * smaller.shape[1]:
            break
        picture = smaller
    fit[:, :2] *= np.array((size[1] / picture.shape[1], size[0] / picture.shape[0]))
    coloured = np.dstack((matched(picture[..., :3], source.tone, tone), picture[..., 3]))
    return warped(weighed(coloured), fit, (place.y1 - place.y0, place.x1 - place.x0))


def tone_of(part: Image) -> tuple[Floats, float]:
    """Of [h, w, 3]: the mean colour in Lab and the standard deviation of its lightness, in a few levels each: as
    little of somebody as makes another face fit into the light that he stands in."""
    if not part.size:
        return np.array((128, 128, 128), np.float32), 32.0
    lab = cv2.cvtColor(part, cv2.COLOR_BGR2LAB)
    mean, spread = cv2.meanStdDev(lab)
    levels = np.rint(mean.ravel() / LEVELS) * np.array(LEVELS)
    return levels.astype(np.float32), float(np.rint(spread[0, 0] / SPREAD) * SPREAD)


def matched(picture: Image, own: tuple[Floats, float], wanted: tuple[Floats, float]) -> Image:
    """`picture` [h, w, 3] with its colours shifted, and its contrast brought, towards what is wanted."""
    lab = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2LAB).astype(np.float32)
    gain = np.clip((wanted[1] + SPREAD) / (own[1] + SPREAD), 0.6, 1.2)
    shift = np.clip((wanted[0] - own[0]) * TOWARDS, (-110, -24, -24), (60, 24, 24)).astype(np.float32)
    lab[..., 0] = (lab[..., 0] - own[0][0]) * gain + own[0][0]
    lab += shift
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)  # type: ignore[no-any-return]


def alignment(source: Source, box: Floats, landmarks: Floats) -> Floats:
    """[2, 3] that takes pixels of the source to those of the picture: by the landmarks, where they are known and fit
    the box x0 y0 x1 y1, else by the box."""
    by_box = _box_fit(source.box, box)
    if not np.isfinite(landmarks).all():
        return by_box
    sides = np.maximum(box[2:] - box[:2], 1)
    inside = (landmarks > box[:2] - OUTSIDE * sides) & (landmarks < box[2:] + OUTSIDE * sides)
    if not inside.all():
        return by_box
    fit, miss = similarity(source.landmarks, landmarks)
    ratio = float(np.hypot(*fit[:, 0]) / max(1e-6, np.sqrt(abs(np.linalg.det(by_box[:, :2])))))
    believed = SCALE[0] <= ratio <= SCALE[1] and miss <= MISS * float(sides.max())
    return fit if believed else by_box


def similarity(one: Floats, other: Floats) -> tuple[Floats, float]:
    """[2, 3] that turns, scales and moves points [n, 2] onto others with the least squares, and how far the worst one
    is off; as complex numbers: z -> a z + b."""
    z, w = (points.astype(np.float64) @ (1, 1j) for points in (one, other))
    spread = float((np.abs(z - z.mean()) ** 2).sum())
    a = ((w - w.mean()) * (z - z.mean()).conj()).sum() / max(spread, 1e-9)
    b = w.mean() - a * z.mean()
    fit = np.array(((a.real, -a.imag, b.real), (a.imag, a.real, b.imag)), np.float32)
    return fit, float(np.abs(a * z + b - w).max())


def _box_fit(own: Floats, box: Floats) -> Floats:
    scale = (box[2:] - box[:2]) / (own[2:] - own[:2])
    shift = box[:2] - own[:2] * scale
    return np.array(((scale[0], 0, shift[0]), (0, scale[1], shift[1])), np.float32)


def _source(picture: Image, marks: Floats) -> Source:
    """With the box that the landmarks give, and, of a photo without transparent parts, an oval of it."""
    apart = float(np.linalg.norm(marks[1] - marks[0]))
    down = float(np.linalg.norm(marks[3:].mean(0) - marks[:2].mean(0)))
    middle = (marks[:2].mean(0) + marks[3:].mean(0)) / 2 - (0, 0.1 * down)
    half = np.array((max(1.16 * apart, 0.9 * down), 1.5 * down))
    box = np.concatenate((middle - half, middle + half)).astype(np.float32)
    if (picture[..., 3] == 255).all():
        picture = picture.copy()
        picture[..., 3] = _oval(picture.shape[:2], middle, half)
    return Source(picture, marks, box)


def _oval(size: tuple[int, ...], middle: Floats, half: Floats) -> Image:
    """An ellipse as large as the face, soft at its edge."""
    stencil = np.zeros(size, np.uint8)
    at, radii = (tuple(int(side) for side in np.rint(pair)) for pair in (middle, half * 0.95))
    cv2.ellipse(stencil, at, radii, 0, 0, 360, 255, -1, cv2.LINE_AA)
    soft = max(1.0, 0.06 * float(half.min()))
    return cv2.min(cv2.GaussianBlur(stencil, (0, 0), soft), stencil)  # type: ignore[no-any-return]


def _read_landmarks(path: Path, size: Sequence[int]) -> Floats:
    try:
        marks = np.array(json.loads(path.read_text())["landmarks"], np.float32)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise SetupError(f'faces: {path}: not {{"landmarks": [[x, y], ...]}} ({error})') from error
    if marks.shape != (5, 2) or not np.isfinite(marks).all() or (marks < 0).any() or (marks > size[1::-1]).any():
        raise SetupError(f"faces: {path}: five pairs x, y within the picture are needed: eyes, nose, corners of mouth")
    return _checked(path, marks)


def _found_landmarks(path: Path, picture: Image, find: Finder) -> Floats:
    marks = find(np.ascontiguousarray(picture[..., :3]))
    if marks is None:
        beside = path.with_suffix(".json").name
        raise SetupError(f"faces: {path}: no face is found in it; take another, or put its landmarks into {beside}")
    return _checked(path, marks)


def _checked(path: Path, marks: Floats) -> Floats:
    apart = float(np.linalg.norm(marks[1] - marks[0]))
    down = float(np.linalg.norm(marks[3:].mean(0) - marks[:2].mean(0)))
    if not (apart >= 4 and down >= 4):  # nor where one is NaN
        raise SetupError(f"faces: {path}: the face is too small, or its landmarks lie in one place")
    return marks
