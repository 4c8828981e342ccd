"""Where tiles pay: people of so many pixels pasted into a large picture, found whole and in tiles.

`python -m benchmarks.tiles --clip FOLDER`, a folder with input.mp4, bg.mp4 and mask.mkv. A person counts as found
where a box overlaps his by half.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.results import complete, save
from models.base import Image
from models.registry import load_segmenter
from models.tiles import layout, segment
from stages.box import Box, tight_box

HEIGHTS = (24, 36, 54, 80, 120, 180)  # of people, pixels
SIZES = ((1920, 1080), (2560, 1440), (3840, 2160))
LEVELS = (1, 2, 3)  # tiles side by side; 1: none
PLACES = ((0.1, 0.2), (0.3, 0.6), (0.5, 0.35), (0.7, 0.75), (0.9, 0.5), (0.47, 0.1), (0.62, 0.9), (0.2, 0.8))


def people(folder: Path, count: int) -> list[tuple[Image, Image]]:
    """Cut-outs: BGR and mask, as large as the person."""
    found = []
    for number, (image, mask) in enumerate(
        zip(_frames(folder / "input.mp4"), _frames(folder / "mask.mkv"), strict=True)
    ):
        box = tight_box(mask[..., 0])
        if box is not None and number % 11 == 5:
            found.append((box.of(image).copy(), box.of(mask[..., 0]).copy()))
    return found[:count]


def scene(
    back: Image, cuts: Sequence[tuple[Image, Image]], size: tuple[int, int], tall: int
) -> tuple[Image, list[Box]]:
    """A picture of that size with people of that height, and their boxes."""
    picture, boxes = cv2.resize(back, size, interpolation=cv2.INTER_CUBIC), []
    for number, (x, y) in enumerate(PLACES):
        image, mask = cuts[number % len(cuts)]
        sides = max(1, round(image.shape[1] * tall / image.shape[0])), tall
        how = cv2.INTER_AREA if tall < image.shape[0] else cv2.INTER_CUBIC
        small, soft = cv2.resize(image, sides, interpolation=how), cv2.resize(mask, sides, interpolation=how)
        x0, y0 = round(x * (size[0] - sides[0])), round(y * (size[1] - tall))
        box = Box(x0, y0, x0 + sides[0], y0 + tall)
        share = soft[..., None] / np.float32(255)
        box.of(picture)[:] = (small * share + box.of(picture) * (1 - share)).astype(np.uint8)
        boxes.append(box)
    return picture, boxes


def measure(folder: Path, model: str) -> list[dict[str, Any]]:
    """A row for each size of picture and height of people: share found and milliseconds, by tiles side by side."""
    segmenter = load_segmenter(model, classes=["person"])
    cuts, back, rows = people(folder, 8), next(_frames(folder / "bg.mp4")), []
    for size in SIZES:
        for tall in HEIGHTS:
            picture, boxes = scene(back, cuts, size, tall)
            row: dict[str, Any] = {"size": f"{size[0]}x{size[1]}", "height": tall}
            for across in LEVELS:
                begun = time.perf_counter()
                found = segmenter.segment(picture)
                if across > 1:
                    found = segment(segmenter, picture, found, layout(size[1], size[0], across))
                row[f"ms_{across}"] = round(1e3 * (time.perf_counter() - begun), 1)
                row[f"found_{across}"] = sum(any(_same(box, one) for one in found.boxes) for box in boxes) / len(boxes)
            rows.append(row)
    return rows


def _same(box: Box, other: Sequence[float]) -> bool:
    x0, y0, x1, y1 = other
    common = max(0.0, min(box.x1, x1) - max(box.x0, x0)) * max(0.0, min(box.y1, y1) - max(box.y0, y0))
    return common > 0.5 * ((box.x1 - box.x0) * (box.y1 - box.y0) + (x1 - x0) * (y1 - y0) - common)


def _frames(path: Path) -> Iterator[Image]:
    with av.open(str(path)) as box:
        for frame in box.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiles")
    parser.add_argument("--clip", type=Path, required=True, help="a folder with input.mp4, bg.mp4 and mask.mkv")
    parser.add_argument("--model", default="yolov5s-seg")
    parser.add_argument("--json", type=Path, help="where the result is written")
    wanted = parser.parse_args(arguments)
    rows = measure(wanted.clip, wanted.model)
    if wanted.json:
        save(wanted.json, complete("tiles", {"model": wanted.model, "rows": rows}))
    for row in rows:
        shares = ", ".join(f"{across}: {row[f'found_{across}']:4.0%} in {row[f'ms_{across}']} ms" for across in LEVELS)
        sys.stdout.write(f"{row['size']}, people of {row['height']:3} pixels, found with tiles {shares}\n")


if __name__ == "__main__":
    main()
