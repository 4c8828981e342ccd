"""Rules: whom a pipeline keeps in the picture, and which effect covers whom; knows neither tracks nor masks.

They are asked in their order, and the first that fits counts. All conditions of one must hold; one that is absent holds
always. Whom none fits is covered. To keep somebody is a promise about what is seen, so a rule that keeps asks for more
than one that covers: see `Rules.say`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

import cv2
import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from models.classes import NAMES
from pipeline.frame import EFFECT_SHIFT, EFFECTS, KEPT, Image
from stages.box import Box
from stages.zones import FINE, Zone

MOST_RULES = 64
MOST_NUMBERS = 64  # tracks or classes of one rule
MOST_SAID = 7000  # characters of all rules as JSON: with the longest zones and lists they fit into a worker's message
BORDER = 2  # pixels from the picture's edge: who reaches it may be larger than what is seen
NOBODY = -1  # a track's number where nobody follows
UNKNOWN = -1  # a class's

Deed = Literal["keep", "solid", "mosaic", "blur", "silhouette", "remove", "template", "face", "sticker"]
Place = tuple[float, float, float, float]
"""x0 y0 x1 y1, pixels."""


def _known(name: str) -> str:
    if name not in NAMES:
        raise PydanticCustomError("class", "there are face, plate, person, car and others of COCO")
    return name


def _short(rules: list[Any]) -> list[Any]:
    if (count := len(json.dumps(rules))) > MOST_SAID:
        facts = {"count": count, "most": MOST_SAID}
        raise PydanticCustomError("rules", "{count} characters, not {most} at most: fewer corners or numbers", facts)
    return rules


def _ordered(when: Any) -> Any:
    if when.get("min_size", 0) > when.get("max_size", 1 << 16):
        facts = {"least": when["min_size"], "most": when["max_size"]}
        raise PydanticCustomError("sizes", "min_size {least} is above max_size {most}: it would fit nobody", facts)
    return when


Name = Annotated[str, AfterValidator(_known)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Pixels = Annotated[int, Field(ge=1, le=1 << 14, strict=True)]

# Not models: so they are plain data wherever they travel, and `class` is a key like others.
When = TypedDict(
    "When",
    {
        "class": NotRequired[Annotated[list[Name], Field(min_length=1, max_length=len(NAMES))]],
        "zone": NotRequired[Zone],
        "track": NotRequired[Annotated[list[Number], Field(min_length=1, max_length=MOST_NUMBERS)]],
        "min_size": NotRequired[Pixels],
        "max_size": NotRequired[Pixels],
    },
)
with_config(ConfigDict(extra="forbid"))(When)


@with_config(ConfigDict(extra="forbid"))
class Rule(TypedDict):
    """One of them; without `when` it fits everybody."""

    when: NotRequired[Annotated[When, AfterValidator(_ordered)]]
    do: Deed


RuleList = Annotated[list[Rule], Field(max_length=MOST_RULES), AfterValidator(_short)]


@dataclass(slots=True)
class Somebody:
    """What rules may ask of an object in one frame.

    `kind`: its class, UNKNOWN where it is not certain. `track`: NOBODY where it is not followed. `found`: in this very
    frame. `sure`: the number is his, as far as can be told. `pixels`: parts of the picture, each with what is masked
    for him in it (255, else 0); none where that cannot be told."""

    kind: int
    track: int
    box: Place
    found: bool
    sure: bool
    pixels: Callable[[], list[tuple[Box, Image]]]


class Rules:
    """The rules for pictures of one size [height, width]."""

    def __init__(self, rules: Sequence[Rule], shape: tuple[int, ...]) -> None:
        self._parts = [(rule.get("when", When()), rule["do"]) for rule in rules]
        self._shape = shape
        self.watched = frozenset(number for when, do in self._parts if do == "keep" for number in when.get("track", ()))
        """Numbers by which somebody is kept."""

    def say(self, one: Somebody) -> int:
        """Bits for the `flags` of his row: KEPT, the number of an effect, or 0: he is covered as is usual.

        A rule that covers fits where the middle of his box lies in its zone. One that keeps fits nobody whose class is
        not known, and, besides,
        - by zone only who was found in this very frame and all of whose mask lies in it: one pixel outside, and he is
          covered. And what an earlier rule covers in a zone, no later one keeps that reaches into it: he is covered.
        - by track only who was found in this very frame and whose number is surely his: see `tracking.doubts`.
        - by size only who was found in this very frame, and by the largest size only who does not reach the picture's
          edge.
        """
        reached: int | None = None
        for when, do in self._parts:
            if not self._fits(when, one):
                continue
            zone = when.get("zone")
            if do == "keep":
                if self._may_keep(when, one):
                    return KEPT if reached is None else reached
            elif zone is None or self._middle(zone, one.box):
                return _bits(do)
            elif reached is None and self._touches(zone, one):
                reached = _bits(do)
        return 0

    def _fits(self, when: When, one: Somebody) -> bool:
        """All but the zone."""
        longer = max(one.box[2] - one.box[0], one.box[3] - one.box[1])
        named = "class" not in when or (0 <= one.kind < len(NAMES) and NAMES[one.kind] in when["class"])
        counted = "track" not in when or (one.track != NOBODY and one.track in when["track"])
        return named and counted and when.get("min_size", 0) <= longer <= when.get("max_size", math.inf)

    def _may_keep(self, when: When, one: Somebody) -> bool:
        if not 0 <= one.kind < len(NAMES) or (not one.found and when.keys() - {"class"}):
            return False
        if ("track" in when and not one.sure) or ("max_size" in when and self._at_edge(one.box)):
            return False
        return "zone" not in when or self._contains(when["zone"], one)

    def _at_edge(self, box: Place) -> bool:
        height, width = self._shape[:2]
        return min(box[:2]) <= BORDER or box[2] >= width - BORDER or box[3] >= height - BORDER

    def _middle(self, zone: Zone, box: Place) -> bool:
        """Whether the middle of a box, as far as it is in the picture, lies in a zone."""
        height, width = self._shape[:2]
        x = min(width - 1, max(0, int((box[0] + box[2]) / 2)))
        y = min(height - 1, max(0, int((box[1] + box[3]) / 2)))
        return bool(self._part(zone, Box(x, y, x + 1, y + 1)).any())

    def _contains(self, zone: Zone, one: Somebody) -> bool:
        parts = one.pixels()
        return bool(parts) and not any((pixels & ~self._part(zone, box)).any() for box, pixels in parts)

    def _touches(self, zone: Zone, one: Somebody) -> bool:
        parts = one.pixels()
        return not parts or any((pixels & self._part(zone, box)).any() for box, pixels in parts)

    def _part(self, zone: Zone, box: Box) -> Image:
        """What of a zone lies in a part of the picture: 255 there, else 0. What a line that crosses itself encloses
        twice lies outside: nobody is kept by a doubtful outline."""
        height, width = self._shape[:2]
        out: Image = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.uint8)
        corners = np.array(zone) * (width, height) - 0.5 - (box.x0, box.y0)  # the middle of the first pixel is at 0
        cv2.fillPoly(out, [np.rint(corners * (1 << FINE)).astype(np.int32)], 255, shift=FINE)
        return out


def _bits(effect: str) -> int:
    return 1 + EFFECTS.index(effect) << EFFECT_SHIFT
