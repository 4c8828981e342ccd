"""Wishes: how a user points at something, `x,y,w,h@frame` or `class:number@frame`; knows no picture."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"-?\d{1,9}(?:\.\d{1,6})?"
_BOX = re.compile(rf"({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_CLASS = re.compile(r"([A-Za-z][A-Za-z0-9_ /-]{0,63})(?::(\d{1,4}))?")
FORM = "x,y,w,h@frame in pixels, as 120,80,60,200@0, or a class and its number by score, as car:2@10"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be followed from frame `frame` on (0 is the first): what is in `box` (x0 y0 x1 y1, pixels of the
    frame), or else the `number`th thing of the class `name`, best scored first."""

    text: str
    frame: int
    box: tuple[float, float, float, float] | None = None
    name: str = ""
    number: int = 1


def parse_wish(text: str) -> Wish:
    """Read one target. Raises ValueError, in words."""
    place, at, number = text.replace(", ", ",").strip().rpartition("@")
    if not at:
        place, number = number, "0"
    if not re.fullmatch(r"\d{1,9}", number.strip()):
        raise ValueError(f"{text!r}: behind the @ stands the number of a frame, 0 for the first")
    frame, place = int(number), place.strip()
    if box := _BOX.fullmatch(place):
        x, y, width, height = map(float, box.groups())
        if width <= 0 or height <= 0:
            raise ValueError(f"{text!r}: a box has a width and a height above 0: {FORM}")
        return Wish(text, frame, (x, y, x + width, y + height))
    if named := _CLASS.fullmatch(place):
        order = int(named[2] or 1)
        if order < 1:
            raise ValueError(f"{text!r}: the best scored of a class has number 1")
        return Wish(text, frame, None, named[1].strip(), order)
    raise ValueError(f"{text!r} is no target: {FORM}")


def inside_picture(wish: Wish, height: int, width: int) -> tuple[float, float, float, float] | None:
    """The part of its box that lies in a picture of that size; None where less than one pixel does."""
    assert wish.box is not None
    x0, y0, x1, y1 = wish.box
    x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
    return (x0, y0, x1, y1) if x1 - x0 >= 1 and y1 - y0 >= 1 else None
