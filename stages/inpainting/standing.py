"""Standing: the plate of a camera that stands still; learns in place, follows the light, takes what was invented."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Arrays, Image, Layout
from stages.box import Box
from stages.inpainting.background import PROVEN, Background
from stages.inpainting.change import ChangeTest
from stages.inpainting.drift import DriftTest
from stages.inpainting.light import Light, change_of_light, step_of_light
from stages.inpainting.shadow import Shadows, feathered

FEATHER = 2  # pixels over which the plate fades out where a shadow ends
LOOK = 2  # frames after which a first shadow is looked for again: one that is seen a frame later is not missed
UNEXPLAINED = 0.02  # of what was proven before and can be seen now
FOLLOW = 0.9  # levels by which the light must have changed until what is hidden is changed with it

LIGHT = np.dtype([("gain", "<f4", (3,)), ("offset", "<f4", (3,))])
LIGHTS = np.dtype([("owed", LIGHT), ("given", LIGHT)])


@dataclass(slots=True)
class Comparison:
    """A frame beside the memory: the memory in the frame's light, where it is open, where that is proven, where it
    differs, what the camera did."""

    before: dict[str, NDArray[Any]]
    light: Light | None
    free: Image
    proven: Image
    differs: Image
    cut: bool = False
    drifted: bool = False
    beyond: tuple[Box, Image] | None = None  # where the plate is to be shown though the mask is not set

    @property
    def explained(self) -> bool:
        """Whether what is remembered, in the frame's light, says all but a little of what is seen."""
        return cv2.countNonZero(self.differs) < UNEXPLAINED * cv2.countNonZero(self.proven)


class Standing:
    """Colours with votes, and for what nobody has seen yet the colours that were given to it once.

    A given colour is shown until two frames have shown the real one. Its picture is kept once: a pixel is written only
    while `given` says that nothing is there.
    """

    def __init__(self, height: int, width: int, tolerance: int, shadows: bool = True) -> None:
        self._tolerance = tolerance
        self._shadows = Shadows(height, width) if shadows else None
        self._background = Background(height, width, tolerance)
        self._change, self._drift = ChangeTest(height, width), DriftTest(height, width)
        self._free = np.empty((height, width), np.uint8)

    @staticmethod
    def memory(height: int, width: int) -> Layout:
        """`given`: 1 where a colour was given; `beyond`: 255 where a shadow was found; `lights`: bytes; `turn`: 0 where
        it is time to look for a first shadow."""
        flat = ((height, width), "u1")
        own: Layout = {"given": flat, "beyond": flat, "lights": ((LIGHTS.itemsize,), "u1"), "turn": ((1,), "u1")}
        return Background.memory(height, width) | DriftTest(height, width).memory() | own

    @staticmethod
    def pool(height: int, width: int) -> Layout:
        return {"gifts": ((height, width, 3), "u1")}

    def compare(self, image: Image, hidden: Image, before: Arrays) -> Comparison:
        """Look at a frame without learning from it. `hidden` [H, W]: 255 where it does not show the scene."""
        free = cv2.compare(hidden, 0, cv2.CMP_EQ, dst=self._free)
        memory = dict(before)
        proven = cv2.bitwise_and(free, cv2.compare(before["votes"], PROVEN, cv2.CMP_GE))
        light = change_of_light(before["color"], image, proven, self._tolerance)
        if light is not None:
            memory["color"] = light.of(before["color"])
        differs = self._background.compare(image, free, memory)
        found = Comparison(memory, light, free, proven, differs)
        found.cut = self._change.happened(free, differs, before["votes"])
        found.drifted = self._drift.happened(image, hidden, before)
        former = before["beyond"]
        if self._shadows is not None and not found.cut and (before["turn"][0] == 0 or former.any()):
            found.beyond = self._shadows.find(image, memory["color"], before["votes"], hidden, former, self._tolerance)
            if found.beyond is not None:
                box, where = found.beyond
                for plane in (free, differs):
                    box.of(plane)[where > 0] = 0
        return found

    def learn(
        self, image: Image, seen: Comparison, before: Arrays, after: Arrays, *, forget: bool, settled: bool = False
    ) -> None:
        """Leave all of the memory complete for the next frame. `settled`: what seemed a drift was none."""
        self._background.learn(image, seen.free, seen.before, after, forget)
        self._drift.renew(before, after, forget or settled or seen.light is not None)
        after["turn"][0] = (before["turn"][0] + 1) % LOOK
        after["beyond"][:] = 0
        if seen.beyond is not None and not forget:
            seen.beyond[0].of(after["beyond"])[:] = seen.beyond[1]
        lights = before["lights"].view(LIGHTS)[0]
        owed, given = _read(lights["owed"]), _read(lights["given"])
        if forget:
            after["given"][:] = 0
            owed = given = Light.same()
        else:
            cv2.min(before["given"], cv2.compare(after["votes"], PROVEN, cv2.CMP_LT), dst=after["given"])
            owed, given = self._follow(seen, after, owed, given)
        kept = after["lights"].view(LIGHTS)[0]
        _write(kept["owed"], owed)
        _write(kept["given"], given)

    def _follow(self, seen: Comparison, after: Arrays, owed: Light, given: Light) -> tuple[Light, Light]:
        """What is seen follows the light by itself, what is hidden is owed it."""
        if seen.light is not None:
            given = seen.light.after(given)
        steady = cv2.bitwise_and(seen.free, seen.proven)
        owed = step_of_light(seen.before["color"], after["color"], steady).after(owed)
        if owed.change > FOLLOW:
            hidden = cv2.bitwise_not(seen.free)
            cv2.copyTo(owed.of(after["color"]), hidden, after["color"])
            given = owed.after(given)
            owed = Light.same()
        return owed, given

    def give(self, picture: Image, where: Image, after: Arrays, pool: Arrays) -> None:
        """Take over the colours of a picture where nothing better is known. `where` [H, W] is changed."""
        cv2.bitwise_and(where, cv2.compare(after["given"], 0, cv2.CMP_EQ), dst=where)
        cv2.bitwise_and(where, cv2.compare(after["votes"], PROVEN, cv2.CMP_LT), dst=where)
        light = _read(after["lights"].view(LIGHTS)[0]["given"]).inverse
        cv2.copyTo(light.of(picture), where, pool["gifts"])
        after["given"][where > 0] = 1

    def show(self, hidden: Image, out: Image, known: Image, after: Arrays, pool: Arrays) -> None:
        """Write into `out` [H, W, 3] what is known of the pixels in `hidden`, and set `known` [H, W] there."""
        self._background.known(hidden, after, out=known)
        cv2.copyTo(after["color"], known, out)
        if after["given"].any():
            given = cv2.bitwise_and(cv2.compare(after["given"], 0, cv2.CMP_GT), cv2.subtract(hidden, known))
            light = _read(after["lights"].view(LIGHTS)[0]["given"])
            cv2.copyTo(light.of(pool["gifts"]), given, out)
            cv2.bitwise_or(known, given, dst=known)

    def show_beyond(
        self, seen: Comparison, mask: Image, out: Image, after: Arrays, spared: Iterable[tuple[int, int, int, int]] = ()
    ) -> None:
        """Write the plate into `out` where a shadow was found, softly at its edge, but for what is `spared` of it."""
        if seen.beyond is not None:
            box, where = seen.beyond
            shown = where > 0
            for x0, y0, x1, y1 in spared:
                shown[max(0, y0 - box.y0) : max(0, y1 - box.y0), max(0, x0 - box.x0) : max(0, x1 - box.x0)] = False
            y, x = np.divmod(np.flatnonzero(shown), where.shape[1])
            share = feathered(where, box.of(mask), FEATHER)[y, x, None]
            picture = box.of(out)
            picture[y, x] = (box.of(after["color"])[y, x] * share + picture[y, x] * (1 - share) + 0.5).astype(np.uint8)

    def lose(self, where: Image, after: Arrays) -> None:
        """Know nothing any more where that [H, W] is not 0."""
        for name in ("votes", "given"):
            after[name][where > 0] = 0

    def leave(self, after: Arrays) -> None:
        """The camera moves: nothing is known here any more, and nothing learned."""
        for name in ("votes", "given", "seen", "beyond", "lights", "turn"):
            after[name][:] = 0

    def whole(self, before: Arrays, pool: Arrays) -> tuple[Image, Image, Image]:
        """The memory as one picture: BGR; where it shows nothing of the scene; and what of that was given."""
        unknown = cv2.compare(before["votes"], 0, cv2.CMP_EQ)
        given = cv2.compare(before["given"], 0, cv2.CMP_GT)
        picture = before["color"].copy()
        cv2.copyTo(_read(before["lights"].view(LIGHTS)[0]["given"]).of(pool["gifts"]), given, picture)
        return picture, cv2.bitwise_or(unknown, given), given


def _read(record: Any) -> Light:
    """A light as kept: all zero at first, which stands for none."""
    if not record["gain"].any():
        return Light.same()
    return Light(record["gain"].copy(), record["offset"].copy())


def _write(record: Any, light: Light) -> None:
    record["gain"], record["offset"] = light.gain, light.offset
