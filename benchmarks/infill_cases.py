"""What inpainters are judged on: crops with holes whose truth is known, of held-out pictures and of composites.

The truth is not in the picture that is given: in a hole it is grey, or the somebody who is to go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.base import Image
from models.canvas import FIXED, fit_for
from models.infill_holes import hole
from models.infill_material import unpacked
from stages.inpainting.fill import CALL
from stages.inpainting.holes import find_crops, widened

SEED = 20
SIDES = (256, 384, 256, 384, 256, 384)  # of each picture's crops
LARGEST = 0.95  # of a picture's shorter side that a crop shows, at most
COMPOSITES = ("fixed_room_standstill", "moving_goat_cross")
EVERY = 5  # of a clip's frames one is judged
GROWN = 7  # pixels by which a true mask is grown
MARGIN = 48  # pixels around a hole, as in stages.inpainting
LEAST = 0.02  # of a crop that is hole
GREY = 127

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Case:
    """`of`: the picture or clip, `part` which of its crops; uint8 [h, w, 3] BGR, `hole` uint8 [h, w] of 0 and 255.
    `ours`: free to be shown to anybody."""

    of: str
    part: str
    image: Image
    hole: Image
    truth: Image
    ours: bool = False


def held_out(material: Path, people: Sequence[Image] = ()) -> Iterator[Case]:
    """Crops of the pictures that `infill` never learns from, out of the packed file; always the same ones.

    `people`: masks whose silhouettes make every other hole. Raises OSError."""
    for name, picture in unpacked(material, held_out=True).items():
        yield from of_picture(short(name), picture, people)


def short(name: str) -> str:
    """A picture's name without whose it is and what kind of file."""
    return name.split("_by_")[0].split(".")[0]


def of_picture(name: str, picture: Image, people: Sequence[Image] = ()) -> Iterator[Case]:
    """Its crops, each from its own number."""
    for number, side in enumerate(SIDES):
        random = np.random.default_rng((SEED, number, *name.encode()))
        truth = _crop(picture, side, random, number // 2 / (len(SIDES) // 2 - 1))
        where = hole(side, random)
        if people and number % 2:
            where = silhouette(people[random.integers(len(people))], side, random)
        image = truth.copy()
        image[where > 0] = GREY
        yield Case(name, f"{number}", image, where, truth, ours=True)


def _crop(picture: Image, side: int, random: Random, share: float) -> Image:
    """A square from somewhere, at `side`: from as small as it comes (`share` 0) to nearly the whole picture (1)."""
    shorter = min(picture.shape[:2])
    least, most = min(side, shorter), max(min(side, shorter), LARGEST * shorter)
    shown = round(least * (most / least) ** share)
    y, x = (int(random.integers(0, size - shown + 1)) for size in picture.shape[:2])
    way = cv2.INTER_AREA if shown > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture[y : y + shown, x : x + shown], (side, side), interpolation=way))


def silhouette(mask: Image, side: int, random: Random) -> Image:
    """The outline of `mask` [h, w] as a hole [side, side], as tall as somebody is in a crop, grown as masks are."""
    x, y, wide, tall = cv2.boundingRect(mask)
    scale = min(side * random.uniform(0.5, 0.8) / tall, side * 0.7 / wide)
    size = max(1, round(wide * scale)), max(1, round(tall * scale))
    small = cv2.resize(mask[y : y + tall, x : x + wide], size, interpolation=cv2.INTER_AREA)
    found = np.zeros((side, side), np.uint8)
    left, top = (int(random.integers(0, side - length + 1)) for length in size)
    found[top : top + size[1], left : left + size[0]] = cv2.compare(small, 127, cv2.CMP_GT)
    return grown(found, GROWN // 2)


def silhouettes(folder: Path) -> list[Image]:
    """People as polygons, from a folder of text files: lines of a class and points x y in 0..1. Raises OSError."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text().splitlines():
            label, *numbers = line.split()
            points = np.array(numbers, np.float32).reshape(-1, 2)
            if label == "1" and len(points) > 20:
                mask = np.zeros((512, 512), np.uint8)
                cv2.fillPoly(mask, [np.rint(points * 511).astype(np.int32)], 255)
                found.append(mask)
    return found


def composites(folder: Path) -> Iterator[Case]:
    """Every fifth frame of the clips in which nobody ever sees what is behind, cut as stages.inpainting cuts.

    `folder`: as `benchmarks.quality_clips.files`. Raises OSError, av.FFmpegError."""
    from benchmarks.quality_clips import pictures

    for name in COMPOSITES:
        read = (pictures(folder / name / file) for file in ("input.mp4", "mask.mkv", "bg.mp4"))
        for at, (image, mask, truth) in enumerate(zip(*read, strict=True)):
            if at % EVERY == 0:
                yield from of_frame(name, at, image, grown(mask[..., 0], GROWN), truth)


def of_frame(name: str, at: int, image: Image, rest: Image, truth: Image) -> Iterator[Case]:
    """The crops of a frame [H, W, 3] around what is set in `rest` [H, W]: as large as a network is shown them."""

    def worth(height: int, width: int) -> float:
        tall, wide = _window(height, width)
        return tall * wide + CALL

    for number, crop in enumerate(find_crops(rest, MARGIN, worth)):
        shown = crop.window
        window = widened(shown, *_window(shown.y1 - shown.y0, shown.x1 - shown.x0), *rest.shape)
        cut = [np.ascontiguousarray(window.of(plane)) for plane in (image, rest, truth)]
        yield Case(name, f"{at}.{number}", cut[0], cut[1], cut[2])


def by_picture(cases: Sequence[Case]) -> Mapping[str, list[Case]]:
    """The cases by the picture or clip that they are of, in their order."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.of, []).append(case)
    return found


def grown(mask: Image, by: int) -> Image:
    """A mask grown by a square, so many pixels to each side; 0 and 255."""
    found = cv2.dilate(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8))
    return cv2.compare(found, 127, cv2.CMP_GT)  # type: ignore[no-any-return]


def _window(height: int, width: int) -> tuple[int, int]:
    """As `models.lama.Lama.window`: the canvas's size, for a crop that fits on one."""
    fit = fit_for(height, width, FIXED)
    return (height, width) if fit.scaled else fit.size
