"""Wording: what a background is called: a colour in several ways, a file, or blur; opens nothing."""

from __future__ import annotations

import re

NAMES = {
    "green": (120, 255, 153),  # .47, 1, .6 of full scale: far from skin, hair and cloth, and kind to the eye
    "blue": (0, 71, 187),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "magenta": (255, 0, 255),
    "red": (255, 0, 0),
}
BLUR = "blur"

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_THREE = re.compile(r"\s*\[?\s*([0-9.]+)\s*,\s*([0-9.]+)\s*,\s*([0-9.]+)\s*\]?\s*")


def colour_of(text: str) -> tuple[int, int, int] | None:
    """Red, green, blue of 0 to 255: by name, `#rrggbb`, or as three numbers, which are of 255, or of 1 where one has a
    decimal point and none is above 1; None for what is no colour. Raises ValueError for numbers out of range."""
    if text in NAMES:
        return NAMES[text]
    if _HEX.fullmatch(text):
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
    if (found := _THREE.fullmatch(text)) is None:
        return None
    numbers = [float(part) for part in found.groups()]
    if any("." in part for part in found.groups()) and max(numbers) <= 1:
        numbers = [255 * number for number in numbers]
    if max(numbers) > 255:
        raise ValueError(f"{text!r:.80}: red, green and blue are 0 to 255, or 0 to 1 with a decimal point")
    red, green, blue = (round(number) for number in numbers)
    return red, green, blue


def check_wording(text: str) -> str:
    """The text itself. Raises ValueError where it can be neither colour nor `blur` nor the path of a file."""
    if text == BLUR or colour_of(text) is not None:
        return text
    if text.startswith("#"):
        raise ValueError(f"{text!r:.80}: a colour is #rrggbb")
    if not text.strip() or not re.search(r"[/.\\]", text):
        raise ValueError(f"{text!r:.80} is no background; there are {', '.join(NAMES)}, #rrggbb, r,g,b, blur, a file")
    return text
