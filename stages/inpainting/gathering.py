"""Gathering: fills a hole from kept pictures of the same scene, as far as they agree with what is around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.box import Box
from stages.inpainting.field import Field, field
from stages.inpainting.holes import find_crops
from stages.inpainting.keyframes import INVENTED, REUSED, SEEN, Keyframes
from stages.inpainting.motion import FEWEST, Points, corners, follow, value_at

MARGIN = 64  # pixels around a hole, of the reduced picture: what is there says how the hole's surroundings moved
POINTS, APART = 500, 5
FARTHEST = 20.0  # pixels, of the reduced picture, that a point may be from where the camera's motion takes it
MOST = 5  # pictures that one hole is filled from
ENOUGH = 3  # of them for one pixel
FEWEST_AROUND = 200  # pixels around a hole by which a picture can be judged
SPREAD = 12  # pixels over which the difference to what is around is averaged
WORST = 40.0  # levels of difference: more says no more
AGE = 0.9  # by which a picture counts less for each frame of its age
TRUST = {SEEN: 1.0, INVENTED: 0.02, REUSED: 0.01}
ALIKE = 60  # levels within which two pictures show the same thing
LIKENESS = 0.25  # correlation with what is around, below which a picture is not believed

Floats = NDArray[np.float32]


@dataclass(slots=True)
class _Sum:
    """What several pictures say about the pixels of a box."""

    best: Floats  # trust of the picture trusted most
    choice: Floats  # [h, w, 3]
    samples: list[tuple[Floats, Floats]]  # pixels, trust
    seen: NDArray[np.uint8]  # how many showed the scene itself

    def add(self, pixels: Floats, trust: Floats, shown: NDArray[np.bool_]) -> None:
        better = trust > self.best
        self.choice[better] = pixels[better]
        self.best[better] = trust[better]
        self.samples.append((pixels, trust))
        self.seen += shown

    def answer(self) -> Floats:
        """The mean of all that agree with the one that is trusted most."""
        total, weight = np.zeros_like(self.choice), np.zeros_like(self.best)
        for pixels, trust in self.samples:
            counted = trust * (np.abs(pixels - self.choice).max(-1) < ALIKE)
            total += pixels * counted[..., None]
            weight += counted
        return total / np.maximum(weight, 1e-9)[..., None]  # type: ignore[no-any-return]


class Gathering:
    """For one frame at a time: the present picture, where it is hidden, and the keyframes to look in."""

    def __init__(self, keyframes: Keyframes) -> None:
        self._keys = keyframes

    def fill(
        self, index: int, image: Image, mask: Image, needed: Image, grey: Image, open_now: Image, out: Image
    ) -> Image:
        """Write into `out` [H, W, 3] what is found for the pixels in `needed`, all of which are in `mask`; where it
        was found, uint8 [H, W]. `grey` and `open_now` are the reduced picture and where it is not hidden."""
        known = np.zeros_like(needed)
        ratio = self._keys.reduced.ratio
        for crop in find_crops(needed, MARGIN * ratio, lambda height, width: height * width):
            box = crop.window
            small = Box(
                box.x0 // ratio,
                box.y0 // ratio,
                max(box.x0 // ratio + 1, box.x1 // ratio),
                max(box.y0 // ratio + 1, box.y1 // ratio),
            )
            points = corners(small.of(grey), small.of(open_now), POINTS, APART) + np.array(
                (small.x0, small.y0), np.float32
            )
            said = self._ask(index, box, box.of(image), box.of(mask) > 0, box.of(needed) > 0, points, grey)
            if said is None:
                continue
            found = (said.best > 0) & (box.of(needed) > 0)
            box.of(out)[found] = np.clip(said.answer()[found] + 0.5, 0, 255).astype(np.uint8)
            box.of(known)[found] = 255
        return known

    def _ask(
        self,
        index: int,
        box: Box,
        image: Image,
        hidden: NDArray[np.bool_],
        needed: NDArray[np.bool_],
        points: Points,
        grey: Image,
    ) -> _Sum | None:
        size = image.shape[:2]
        said = _Sum(np.zeros(size, np.float32), np.zeros((*size, 3), np.float32), [], np.zeros(size, np.uint8))
        for slot in self._keys.newest_first:
            if len(said.samples) == MOST or bool((said.seen[needed] >= ENOUGH).all()):
                break
            if not self._may_help(slot, box, needed, said):
                continue
            place = self._place(slot, box, points, grey)
            if place is not None:
                age = AGE ** (index - int(self._keys.table["index"][slot]))
                self._add(said, slot, place, image, hidden, needed, age)
        return said if said.samples else None

    def _may_help(self, slot: int, box: Box, needed: NDArray[np.bool_], said: _Sum) -> bool:
        """Whether, by the camera's motion, it shows pixels that are still wanted; looked at on every eighth pixel."""
        step = 8
        y, x = np.nonzero(needed[::step, ::step] & (said.seen[::step, ::step] < ENOUGH))
        if not len(x):
            return bool((needed & (said.best == 0)).any())
        places = np.column_stack((x, y)).astype(np.float32) * step + np.array((box.x0, box.y0), np.float32)
        there = cv2.perspectiveTransform(places[:, None], self._keys.way(slot))[:, 0]
        height, width = self._keys.kinds(slot).shape
        inside = ((there >= 0) & (there <= (width - 1, height - 1))).all(1)
        return bool((value_at(self._keys.kinds(slot), there)[inside] > 0).any())

    def _place(self, slot: int, box: Box, points: Points, grey: Image) -> Field | None:
        """Where the box lies in a kept picture, by the points around the hole."""
        reduced = self._keys.reduced
        guess = reduced.small(self._keys.way(slot))
        there, believed = follow(grey, self._keys.grey(slot), points, guess)
        if believed.sum() < FEWEST:
            return None
        first = cv2.perspectiveTransform(points[:, None], guess)[:, 0]
        believed &= np.abs(there - first).max(1) < FARTHEST
        full_there = there * reduced.ratio + (reduced.ratio - 1) / 2
        full_points = points * reduced.ratio + (reduced.ratio - 1) / 2
        believed &= value_at(self._keys.kinds(slot), full_there) == SEEN
        return field(box, full_points[believed], full_there[believed].astype(np.float32))

    def _add(
        self,
        said: _Sum,
        slot: int,
        place: Field,
        image: Image,
        hidden: NDArray[np.bool_],
        needed: NDArray[np.bool_],
        age: float,
    ) -> None:
        kinds = self._keys.kinds(slot)
        inside = place.inside(*kinds.shape)
        seen = inside & (place.take((kinds == SEEN).view(np.uint8) * np.uint8(255), cv2.INTER_LINEAR) > 250)
        around = seen & ~hidden
        if np.count_nonzero(around) < FEWEST_AROUND:
            return
        pixels = place.take(self._keys.picture(slot)).astype(np.float32)
        if _likeness(pixels, image, around) < LIKENESS:
            return
        pixels += _light(pixels, image, around)
        trust = _trust(pixels, image, around) * np.float32(age)
        kind = place.take(kinds, cv2.INTER_NEAREST)
        weight = np.where(seen, np.float32(TRUST[SEEN]), np.float32(0))
        for lesser in (INVENTED, REUSED):
            weight[inside & ~seen & (kind == lesser)] = TRUST[lesser]
        said.add(pixels, trust * weight * needed, seen & needed)


def _light(pixels: Floats, image: Image, around: NDArray[np.bool_]) -> Floats:
    """How much brighter the present picture is, by channel; nothing where that is within the noise."""
    median = np.median(image[around].astype(np.float32) - pixels[around], axis=0)
    return np.where(np.abs(median) > 1, median, 0).astype(np.float32)


def _trust(pixels: Floats, image: Image, around: NDArray[np.bool_]) -> Floats:
    """1 where a picture is like the present one around the hole, less the more it differs there; float32 [h, w]."""
    error = np.minimum(np.abs(pixels - image).mean(-1), WORST) * around
    level = cv2.GaussianBlur(error, (0, 0), SPREAD) + np.float32(1e-4 * WORST / 2)
    share = cv2.GaussianBlur(around.astype(np.float32), (0, 0), SPREAD) + np.float32(1e-4)
    return 1 / (1 + (level / share) ** 2)  # type: ignore[no-any-return]


def _likeness(pixels: Floats, image: Image, around: NDArray[np.bool_]) -> float:
    """Correlation of the two pictures' green around the hole; 1 where there is nothing to be told apart by."""
    ours, theirs = image[..., 1][around].astype(np.float32), pixels[..., 1][around]
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    scale = float(np.sqrt((ours**2).mean() * (theirs**2).mean()))
    return 1.0 if scale < 9.0 else float((ours * theirs).mean()) / scale
