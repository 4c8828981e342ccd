"""Toy stages for sessions: light, for pictures of any kind, with all that a page can steer."""

from __future__ import annotations

import time
from typing import ClassVar, Literal

import numpy as np

from pipeline.errors import SetupError
from pipeline.frame import EFFECT_SHIFT, EFFECTS, KEPT, OBJECT, Frame
from pipeline.stage import Sink, Transform, live
from stages.rules import RuleList, When
from stages.zones import Zones

LEFT, SMALL, RIGHT = 7, 8, 9  # the tracks of Found
BOXES = {LEFT: (0.1, 0.1, 0.5, 0.9), SMALL: (0.2, 0.2, 0.4, 0.4), RIGHT: (0.6, 0.1, 0.9, 0.9)}

GREYS = {"solid": 0, "mosaic": 128, "face": 64}  # what Veil shows


class Found(Transform):
    """Three persons who never move, the second one in front of the first."""

    writes = ("objects", "mask")
    stateful = True

    remove: Literal["all", "chosen"] = live(default="all")
    kept: list[int] = live(default=[])
    chosen: list[int] = live(default=[])
    hide: Zones = live(default=[])
    spare: Zones = live(default=[])
    path: str = "/etc/hostname"  # a free text: not for pages
    slow: float = 0.0

    def process(self, frame: Frame) -> None:
        time.sleep(self.slow)
        height, width = frame.mask.shape
        frame.mask[:] = 0
        rows = np.zeros(len(BOXES), OBJECT)
        for row, (track, box) in zip(rows, BOXES.items(), strict=True):
            row["track"], row["score"] = track, 0.9
            row["box"] = np.array(box, np.float32) * np.array([width, height] * 2, np.float32)
            gone = track not in self.kept if self.remove == "all" else track in self.chosen
            if gone:
                x0, y0, x1, y1 = row["box"].astype(int)
                frame.mask[y0:y1, x0:x1] = 255
        frame.put_objects(rows)


class Ruled(Found):
    """The same, with rules."""

    rules: RuleList = live(default=[])
    keep_nobody: bool = live(default=False)  # then a rule that keeps is refused late, by the worker

    def changed(self, fields: frozenset[str]) -> None:
        if self.keep_nobody and any(rule["do"] == "keep" for rule in self.rules):
            raise SetupError("rules: nobody is kept here")

    def process(self, frame: Frame) -> None:
        super().process(frame)
        frame.mask[:] = 0
        for row in frame.objects:
            x0, y0, x1, y1 = row["box"].astype(int).tolist()
            done = next((rule["do"] for rule in self.rules if self._fits(rule.get("when", {}), int(row["track"]))), "")
            row["flags"] = KEPT if done == "keep" else 1 + EFFECTS.index(done) << EFFECT_SHIFT if done else 0
            if done != "keep":
                frame.mask[y0:y1, x0:x1] = 255

    def _fits(self, when: When, track: int) -> bool:
        return track in when.get("track", [track]) and "person" in when.get("class", ["person"]) and "zone" not in when


class Cover(Transform):
    """clean = image, white where the mask is."""

    reads: ClassVar[tuple[str, ...]] = ("image", "mask")
    writes = ("clean",)

    level: int = live(default=255, ge=0, le=255, description="of grey")
    sleep: float = 0.0

    def process(self, frame: Frame) -> None:
        time.sleep(self.sleep)
        np.copyto(frame.clean, frame.image)
        frame.clean[frame.mask > 0] = self.level


class Veil(Cover):
    """For each row's effect a grey of its own."""

    reads: ClassVar[tuple[str, ...]] = ("image", "objects", "mask")

    effect: Literal["solid", "mosaic", "face"] = live(default="solid")

    def process(self, frame: Frame) -> None:
        super().process(frame)
        for row in frame.objects:
            x0, y0, x1, y1 = row["box"].astype(int).tolist()
            if row["flags"] >> EFFECT_SHIFT:
                frame.clean[y0:y1, x0:x1] = GREYS[EFFECTS[(row["flags"] >> EFFECT_SHIFT) - 1]]


class Plain(Transform):
    """clean = image."""

    writes = ("clean",)

    sleep: float = 0.0

    def process(self, frame: Frame) -> None:
        time.sleep(self.sleep)
        np.copyto(frame.clean, frame.image)


class Odd(Sink):
    """A sink of somebody's own, which a session has no use for."""

    where: str

    def write(self, frame: Frame) -> None:
        raise AssertionError("a session has its own sinks")
