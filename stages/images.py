"""Which files of a folder are its pictures, and in which order they come."""

from __future__ import annotations

import re
from pathlib import Path

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
_DIGITS = re.compile(r"([0-9]+)")


def list_images(folder: str | Path) -> list[Path]:
    """The pictures that lie in a folder, in the order a person would count them: img2 before img10. Raises OSError.

    Hidden files are no pictures: systems leave shadows such as `._img1.jpg` beside the real ones.
    """
    found = [path for path in Path(folder).iterdir() if is_image(path)]
    return sorted(found, key=lambda path: (natural(path.name), path.name))


def is_image(path: Path) -> bool:
    """Whether a file of this name is taken for a picture."""
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers in names by their value, and letters without regard to case."""
    parts = enumerate(_DIGITS.split(name))
    return [(0, int(part), "") if at % 2 else (1, 0, part.casefold()) for at, part in parts if part]
