"""Real clips with the masks of what matters in them, reduced to what a coder of 640 pixels is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from models.registry import load_segmenter
from pipeline.cli import footage
from pipeline.frame import Image

WIDEST = 640  # pixels; larger clips are reduced, none is enlarged
SEGMENTER = "yolov5s-seg"
ENTERED = 8  # pictures of a composite after which somebody is to be seen in it
TRUE, FOUND = "true", "found"


@dataclass(frozen=True)
class Clip:
    """`images` uint8 [H, W, 3] BGR of even sides, `masks` uint8 [H, W] (255: matters). `drawn`: `true` by hand, or
    `found` by the segmenter. `open`: its pictures may be shown to anybody."""

    name: str
    says: str
    rate: float
    images: Sequence[Image]
    masks: Sequence[Image]
    drawn: str = TRUE
    open: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.images[0].shape[:2]
        return width, height

    @property
    def share(self) -> float:
        """How much of the picture matters, 0 to 1, over all pictures."""
        return float(np.mean([np.count_nonzero(mask) / mask.size for mask in self.masks]))


Shelf = dict[str, Callable[[int], Clip]]


def shelf(data: Path) -> Shelf:
    """What there is on this machine, by name; each is read when called with the number of frames that are wanted.

    Raises (when called) OSError, av.FFmpegError, ModelError, RunError."""
    found: Shelf = {}
    for name, says in COMPOSITES.items():
        if (place := data / "composites" / name).is_dir():
            found[name] = partial(_composite, place, says)
    if (path := data / "real" / "one-by-one-person-detection.mp4").is_file():
        says = "people come into an empty room"
        found["one-by-one"] = partial(_file, "one-by-one", says, lambda: path, 10.0, 200, False)
    if (data / "real" / "bmx-trees").is_dir():
        found["bmx-trees"] = partial(_stills, data / "real" / "bmx-trees")
    for name, (says, rate, start) in SAMPLES.items():
        found[name] = partial(_file, name, says, partial(footage.fetch, name), rate, start, True)
    return found


COMPOSITES = {
    "fixed_room_cross": "somebody crosses a room",
    "fixed_room_dog": "a dog crosses the same room",
    "pan_stream_walk": "somebody walks along a stream, the camera pans",
    "moving_goat_cross": "somebody crosses a meadow, the camera is carried",
}
LEARNED = ("vtest", "bikes")  # the neural coder has learned from them: models/codec_material.py
SAMPLES = {
    "vtest": ("people cross a square: many and small", 10.0, 300),
    "bikes": ("cyclists on a street, moving camera", 25.0, 101),
}


def _composite(place: Path, says: str, frames: int) -> Clip:
    images = list(islice(decoded(place / "input.mp4"), ENTERED, ENTERED + frames))
    masks = [_binary(mask) for mask in islice(decoded(place / "mask.mkv"), ENTERED, ENTERED + frames)]
    return Clip(place.name, says, _rate(place / "input.mp4"), images, masks)


def _file(name: str, says: str, path: Callable[[], Path], rate: float, start: int, open: bool, frames: int) -> Clip:
    images = [_reduced(image) for image in islice(decoded(path()), start, start + frames)]
    return Clip(name, says, rate, images, list(_found(images)), FOUND, open)


def _stills(place: Path, frames: int) -> Clip:
    from stages.ingest.still import read_still

    def read(folder: Path) -> Iterator[Image]:
        for path in sorted(folder.iterdir())[:frames]:
            yield np.asarray(read_still(str(path)).to_ndarray(format="bgr24"), np.uint8)

    images = [_reduced(image) for image in read(place)]
    height, width = images[0].shape[:2]
    shown = read(place.with_name("bmx-trees_mask"))
    masks = [cv2.resize(_binary(mask, 0), (width, height), interpolation=cv2.INTER_NEAREST) for mask in shown]
    return Clip("bmx-trees", "a rider between trees, fast, the camera follows", 24.0, images, masks)


def _found(images: Iterable[Image]) -> Iterator[Image]:
    segmenter = load_segmenter(SEGMENTER, classes=["person"])
    for image in images:
        mask = np.zeros(image.shape[:2], np.uint8)
        segmenter.segment(image).paint(mask)
        yield mask


def decoded(path: Path) -> Iterator[Image]:
    """The pictures of a file, uint8 [H, W, 3] BGR. Raises OSError, av.FFmpegError."""
    import av

    with av.open(str(path)) as box:
        for frame in box.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _rate(path: Path) -> float:
    import av

    with av.open(str(path)) as box:
        return float(box.streams.video[0].average_rate or 25)


def _reduced(image: Image) -> Image:
    """At most WIDEST wide, sides even: colour is halved by every coder here."""
    height, width = image.shape[:2]
    factor = min(1.0, WIDEST / width)
    size = round(width * factor) // 2 * 2, round(height * factor) // 2 * 2
    return image if size == (width, height) else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _binary(mask: Image, above: int = 127) -> Image:
    return np.where(mask.max(axis=2) > above, 255, 0).astype(np.uint8)
