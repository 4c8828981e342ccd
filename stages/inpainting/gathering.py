"""Gathering: fills a hole from kept pictures of the same scene, as far as they agree with what is around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box
from stages.inpainting.agreement import Agreement
from stages.inpainting.field import Field, field
from stages.inpainting.holes import find_crops
from stages.inpainting.keyframes import INVENTED, REUSED, SEEN, Keyframes
from stages.inpainting.motion import FEWEST, Points, corners, follow, moved, value_at

MARGIN = 64  # pixels around a hole, of the reduced picture: what is there says how the hole's surroundings moved
POINTS, APART = 400, 5
FARTHEST = 20.0  # pixels, of the reduced picture, that a point may be from where the camera's motion takes it
MOST = 5  # pictures that one hole is filled from
ENOUGH = 3  # of them for one pixel
AGE = 0.9  # by which a picture counts less for each frame of its age
OLDEST = 0.05  # what it counts at least: more than what was not seen
TRUST = {INVENTED: 0.02, REUSED: 0.01}  # against 1 for what was seen
ALIKE = 60  # levels within which two pictures show the same thing

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """A frame as it is looked at: its number, BGR, where it is hidden, reduced to grey, and where that is open."""

    index: int
    image: Image
    hidden: Image
    grey: Image
    open: Image


class _Answers:
    """What several pictures say about the N pixels of a hole."""

    def __init__(self, count: int) -> None:
        self.seen = np.zeros(count, np.uint8)  # how many of them showed the scene itself
        self._best = np.zeros(count, np.float32)  # trust of the picture trusted most
        self._choice = np.zeros((count, 3), np.float32)
        self._all: list[tuple[Floats, Floats]] = []

    def __len__(self) -> int:
        return len(self._all)

    @property
    def found(self) -> NDArray[np.bool_]:
        return self._best > 0

    def add(self, pixels: Image, trust: Floats, seen: NDArray[np.bool_]) -> None:
        """Colours [N, 3], how much each is to be trusted, and whether it is of the scene itself."""
        values = pixels.astype(np.float32)
        better = trust > self._best
        self._choice[better], self._best[better] = values[better], trust[better]
        self._all.append((values, trust))
        self.seen += seen

    def together(self) -> Image:
        """The mean of all that agree with the one that is trusted most, [N, 3]."""
        total, weight = np.zeros_like(self._choice), np.zeros_like(self._best)
        for values, trust in self._all:
            off = np.abs(values - self._choice)
            counted = trust * (np.maximum(np.maximum(off[:, 0], off[:, 1]), off[:, 2]) < ALIKE)
            total += values * counted[:, None]
            weight += counted
        mean = total / np.maximum(weight, 1e-9)[:, None]
        rounded: Image = np.clip(mean + 0.5, 0, 255).astype(np.uint8)
        return rounded


class Gathering:
    """Looks into keyframes, the newest first, until every pixel of a hole has been seen often enough."""

    def __init__(self, keyframes: Keyframes) -> None:
        self._keys = keyframes

    def fill(self, view: View, needed: Image, out: Image) -> Image:
        """Write into `out` [H, W, 3] what is found for the pixels in `needed`, all of which are hidden; where it was
        found, uint8 [H, W]."""
        known = np.zeros_like(needed)
        margin = MARGIN * self._keys.reduced.ratio
        for crop in find_crops(needed, margin, lambda height, width: height * width):
            rows, columns = np.nonzero(crop.hole.of(needed))
            rows, columns = rows + crop.hole.y0, columns + crop.hole.x0
            answers = self._ask(view, crop.window, rows, columns)
            found = answers.found
            if found.any():
                out[rows[found], columns[found]] = answers.together()[found]
                known[rows[found], columns[found]] = 255
        return known

    def _ask(self, view: View, box: Box, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> _Answers:
        answers = _Answers(len(rows))
        around: Agreement | None = None
        points = self._points(view, box)
        for slot in self._keys.newest_first:
            wanted = answers.seen < ENOUGH
            if len(answers) == MOST or not wanted.any():
                break
            if self._shows(slot, rows[wanted], columns[wanted]):
                place = self._place(slot, box, points, view.grey)
                if place is not None:
                    around = around or Agreement(box.of(view.image), box.of(view.hidden))
                    age = max(OLDEST, AGE ** (view.index - int(self._keys.table["index"][slot])))
                    self._add(answers, around, slot, place, (rows - box.y0, columns - box.x0), age)
        return answers

    def _points(self, view: View, box: Box) -> Points:
        """Points around the hole, in the reduced picture."""
        ratio = self._keys.reduced.ratio
        x0, y0 = box.x0 // ratio, box.y0 // ratio
        small = Box(x0, y0, max(x0 + 1, box.x1 // ratio), max(y0 + 1, box.y1 // ratio))
        found = corners(small.of(view.grey), small.of(view.open), POINTS, APART)
        return found + np.array((x0, y0), np.float32)

    def _shows(self, slot: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> bool:
        """Whether, by the camera's motion, a kept picture shows any of these pixels; a few hundred are asked."""
        step = max(1, len(rows) // 300)
        there = moved(self._keys.way(slot), np.column_stack((columns[::step], rows[::step])).astype(np.float32))
        kinds = self._keys.kinds(slot)
        height, width = kinds.shape
        inside = ((there >= 0) & (there <= (width - 1, height - 1))).all(1)
        return bool((value_at(kinds, there)[inside] > 0).any())

    def _place(self, slot: int, box: Box, points: Points, grey: Image) -> Field | None:
        """Where the box lies in a kept picture, by the points around the hole."""
        reduced = self._keys.reduced
        guess = reduced.small(self._keys.way(slot))
        there, believed = follow(grey, self._keys.grey(slot), points, guess, levels=2)
        if believed.sum() < FEWEST:
            return None
        believed &= np.abs(there - moved(guess, points)).max(1) < FARTHEST
        shift = np.float32((reduced.ratio - 1) / 2)
        full_there, full = there * reduced.ratio + shift, points * reduced.ratio + shift
        believed &= value_at(self._keys.kinds(slot), full_there) == SEEN
        return field(box, full[believed], full_there[believed])

    def _add(
        self,
        answers: _Answers,
        around: Agreement,
        slot: int,
        place: Field,
        at: tuple[NDArray[np.intp], NDArray[np.intp]],
        age: float,
    ) -> None:
        kinds = self._keys.kinds(slot)
        inside = place.inside(*kinds.shape)
        shown = cv2.compare(place.take(cv2.compare(kinds, SEEN, cv2.CMP_EQ), cv2.INTER_LINEAR), 250, cv2.CMP_GT)
        shown[~inside] = 0
        pixels = place.take(self._keys.picture(slot))
        judged = around.judge(pixels, shown)
        if judged is None:
            return
        trust, light = judged
        seen = shown[at] > 0
        kind = value_at(kinds, np.column_stack((place.x[at], place.y[at])))
        weight = seen.astype(np.float32)
        for lesser, share in TRUST.items():
            weight[inside[at] & ~seen & (kind == lesser)] = share
        values = np.clip(pixels[at] + light, 0, 255)
        answers.add(values, trust[at] * weight * np.float32(age), seen)
