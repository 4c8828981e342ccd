"""Contact sheets: the same picture, coded every way with about the same bytes; region and background from nearby."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.codec_clips import Clip
from benchmarks.codec_curves import Coding, code, judged
from benchmarks.codec_ways import Way
from benchmarks.scenarios_sheet import GAP, HEAD, INK, PAPER, outlined, small, write_picture
from models.coding import COARSEST, FINEST
from pipeline.frame import Image

CELL, CROP, ZOOM = 400, 96, 2  # pixels: width of a whole picture; side of a crop before it is enlarged so many times
TRIES = 8  # that halve the range of quantisers: to a fifth of a step
QUALITY = 80


@dataclass(frozen=True)
class Shown:
    """A row of a sheet: what it is, the picture, and its figures."""

    title: str
    picture: Image
    facts: dict[str, Any]
    outlined: Image | None = None  # what is shown of the whole picture instead


def at_bytes(clip: Clip, way: Way, wanted: float) -> tuple[float, Coding]:
    """The quantiser at which a way takes at most `wanted` bytes for a clip, and what it gives there; the coarsest where
    none is coarse enough."""
    low, high = FINEST, COARSEST
    best = None
    for _ in range(TRIES):
        middle = (low + high) / 2
        coding = code(clip, way, middle)
        if sum(coding.sizes) > wanted:
            low = middle
        else:
            high, best = middle, (middle, coding)
    return best or (COARSEST, code(clip, way, COARSEST))


def rows(clip: Clip, ways: Sequence[Way], bpp: float, at: int) -> list[Shown]:
    """The picture numbered `at` as it was, then as each way gives it with `bpp` bits per pixel for the clip."""
    width, height = clip.size
    wanted = bpp * width * height * len(clip.images) / 8
    found = [Shown("input", clip.images[at], {}, outlined(clip.images[at], clip.masks[at]))]
    for way in ways:
        quantiser, coding = at_bytes(clip, way, wanted)
        spent = 8 * sum(coding.sizes) / (width * height * len(clip.images))
        facts = {"q": round(quantiser, 1), "bpp": round(spent, 4), **judged(clip, coding.decoded)}
        found.append(Shown(way.name, coding.decoded[at], facts))
    return found


def write(path: Path, clip: Clip, shown: Sequence[Shown], at: int) -> None:
    """PNG or JPEG, by the name. Raises OSError, RunError."""
    centres = _region_centre(clip.masks[at]), _background_centre(clip.masks[at])
    write_picture(np.ascontiguousarray(_even(np.vstack([_row(one, centres) for one in shown]))), path, QUALITY)


def _row(one: Shown, centres: Sequence[tuple[int, int]]) -> Image:
    whole = small(one.picture if one.outlined is None else one.outlined, CELL)
    side = whole.shape[0] - GAP
    crops = [small(_crop(one.picture, centre), side) for centre in centres]
    line = np.hstack([whole, *crops])
    head = np.full((HEAD, line.shape[1], 3), PAPER, np.uint8)
    cv2.putText(head, _title(one), (2, HEAD - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return np.vstack([head, line])


def _title(one: Shown) -> str:
    if not one.facts:
        return f"{one.title}, outlined: the region; then region and background from nearby"
    known = {part: one.facts[f"psnr_{part}"] for part in ("region", "background")}
    told = "".join(f", {part} {value:.1f} dB" for part, value in known.items() if value is not None)
    return f"{one.title}: {one.facts['bpp']:.3f} bits per pixel{told}"


def _crop(picture: Image, centre: tuple[int, int]) -> Image:
    height, width = picture.shape[:2]
    x = min(max(centre[0] - CROP // 2, 0), width - CROP)
    y = min(max(centre[1] - CROP // 2, 0), height - CROP)
    part = picture[y : y + CROP, x : x + CROP]
    return np.asarray(cv2.resize(part, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST))


def _region_centre(mask: Image) -> tuple[int, int]:
    """The middle of the upper third of the largest part: where a face would be."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) < 2:
        return mask.shape[1] // 2, mask.shape[0] // 2
    x, y, wide, high, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    return int(x + wide // 2), int(y + high // 3)


def _background_centre(mask: Image) -> tuple[int, int]:
    """Where the mask is farthest away."""
    padded = cv2.copyMakeBorder(cv2.bitwise_not(mask), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    away = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(away)), away.shape)
    return int(x), int(y)


def _even(picture: Image) -> Image:
    return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # colour is halved
