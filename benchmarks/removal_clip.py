"""A clip to time removal on: real people, cut out of a picture that Ultralytics carries, walk through a drawn room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.scenarios_scenery import room
from models.base import Instances, Patch
from pipeline.frame import Image
from stages.ingest.still import read_still

WIDTH, HEIGHT, RATE = 1280, 720, 15
TALL = 0.6  # of the height: a person
ENTER = 4  # frames before the first one comes in
PACE = 0.016  # of the width: what one walks in a frame


@dataclass(frozen=True)
class Cutout:
    """A person: uint8 [h, w, 3] BGR, and the mask uint8 [h, w] of 0 and 255."""

    picture: Image
    mask: Image


@dataclass(frozen=True)
class Clip:
    """The file, the empty room uint8 [H, W, 3], and where everybody stands: int [frames, people, 2], x y of the upper
    left corner."""

    path: Path
    room: Image
    people: Sequence[Cutout]
    places: Sequence[Sequence[tuple[int, int]]]

    def instances(self, index: int) -> Instances:
        """What a perfect detector would find in that frame."""
        height, width = self.room.shape[:2]
        patches = []
        for person, (x, y) in zip(self.people, self.places[index], strict=True):
            left, right = max(0, x), min(width, x + person.mask.shape[1])
            if left < right:
                patches.append(Patch(left, y, np.ascontiguousarray(person.mask[: height - y, left - x : right - x])))
        boxes = [(p.x, p.y, p.x + p.mask.shape[1], p.y + p.mask.shape[0]) for p in patches]
        count = len(patches)
        return Instances(
            np.array(boxes, np.float32).reshape(count, 4), np.full(count, 0.9, np.float32),
            np.zeros(count, np.int64), tuple(patches),
        )  # fmt: skip

    def frame(self, index: int) -> Image:
        """The picture, uint8 [H, W, 3]."""
        picture = self.room.copy()
        for person, (x, y) in zip(self.people, self.places[index], strict=True):
            left, right = max(0, x), min(picture.shape[1], x + person.mask.shape[1])
            if left < right:
                part = picture[y : y + person.mask.shape[0], left:right]
                cv2.copyTo(person.picture[:, left - x : right - x], person.mask[:, left - x : right - x], part)
        return picture

    def mask(self, index: int) -> Image:
        """Everybody's true mask, uint8 [H, W]."""
        mask = np.zeros(self.room.shape[:2], np.uint8)
        self.instances(index).paint(mask)
        return mask


def make_clip(path: Path, people: int = 2, frames: int = 150, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Clip:
    """Write it as H.264 by PyAV: everybody walks to and fro through the room, half of them the other way round; and
    beside it, as `.json` and `.npz`, what `read_clip` needs. Raises ModelError where the segmenter's weights are
    missing: it is what cuts them out."""
    width, height = size
    found = cutouts()
    crowd = [_scaled(found[n % len(found)], round(TALL * height * (1 - 0.12 * n))) for n in range(people)]
    places = [[_place(person, number, index, size) for number, person in enumerate(crowd)] for index in range(frames)]
    clip = Clip(path, room(width, height), crowd, places)
    _write(clip)
    arrays = {f"{kind}{n}": getattr(one, kind) for n, one in enumerate(crowd) for kind in ("picture", "mask")}
    np.savez(path.with_suffix(".npz"), room=clip.room, **arrays)
    path.with_suffix(".json").write_text(json.dumps(places))
    return clip


def read_clip(path: Path) -> Clip:
    """What `make_clip` wrote there."""
    places = [[(x, y) for x, y in row] for row in json.loads(path.with_suffix(".json").read_text())]
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as kept:
        crowd = [Cutout(kept[f"picture{n}"], kept[f"mask{n}"]) for n in range(len(places[0]))]
        return Clip(path, kept["room"], crowd, places)


@cache
def cutouts() -> tuple[Cutout, ...]:
    """Those who stand whole in bus.jpg, as the segmenter sees them."""
    from models.registry import load_segmenter

    bus = read_still(str(resources.files("ultralytics") / "assets" / "bus.jpg"))
    street = np.asarray(bus.to_ndarray(format="bgr24"), np.uint8)
    found = load_segmenter("yolov5s-seg", classes=["person"], engine="torch", precision="float32").segment(street)
    whole = [p for p in found.patches if p.mask.shape[0] > 350 and 20 < p.x < street.shape[1] - 20 - p.mask.shape[1]]
    return tuple(
        Cutout(np.ascontiguousarray(street[p.y : p.y + p.mask.shape[0], p.x : p.x + p.mask.shape[1]]), p.mask)
        for p in whole
    )


def _scaled(person: Cutout, tall: int) -> Cutout:
    size = round(tall * person.mask.shape[1] / person.mask.shape[0]), tall
    how = cv2.INTER_AREA if tall < person.mask.shape[0] else cv2.INTER_CUBIC
    mask = np.where(cv2.resize(person.mask, size, interpolation=how) > 127, 255, 0).astype(np.uint8)
    return Cutout(cv2.resize(person.picture, size, interpolation=how), mask)


def _place(person: Cutout, number: int, index: int, size: tuple[int, int]) -> tuple[int, int]:
    """To and fro; from the left, every other one from the right."""
    tall, wide = person.mask.shape
    way, done = size[0] + 2 * wide, max(0, index - ENTER) * PACE * size[0] * (1 - 0.12 * number)
    along = abs((done + way) % (2 * way) - way)  # begins outside, at 0
    x = round(along) - wide if number % 2 == 0 else size[0] + wide - round(along)
    return x, round(0.96 * size[1]) - tall


def _write(clip: Clip) -> None:
    import av

    height, width = clip.room.shape[:2]
    with av.open(str(clip.path), "w") as box:
        video: Any = box.add_stream("libx264", rate=RATE, options={"crf": "14", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for index in range(len(clip.places)):
            box.mux(video.encode(av.VideoFrame.from_ndarray(clip.frame(index), format="bgr24")))
        box.mux(video.encode(None))
