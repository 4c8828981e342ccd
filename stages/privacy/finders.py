"""Finders: detectors and segmenters by name, each asked for findings; knows no frame and no label map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from models.base import Detector, Image, ModelError, ModelInfo, Segmenter
from models.classes import NAMES, ours
from models.own import SUFFIXES, is_own, read_own
from models.registry import Task, knows, load_detector, load_segmenter, weights_needed
from models.tiles import Tile
from stages.privacy import answers
from stages.privacy.findings import Finding, Floats

INPUT = 640  # pixels: the long side of a segmenter's input
OVERLAP = 0.45  # boxes of one class that share more of their union are one thing
_UNKNOWN = np.full((5, 2), np.nan, np.float32)


class Finder(Protocol):
    """Looks for some classes."""

    info: ModelInfo
    classes: frozenset[str]

    def find(self, image: Image, wanted: frozenset[str], confidence: float) -> list[Finding]:
        """What of the wanted classes is in `image` uint8 [H, W, 3] BGR."""
        ...

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base`."""
        ...


class ByDetector:
    """Boxes, and landmarks where the detector knows any."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.info, self.classes = detector.info, frozenset(detector.names) & frozenset(NAMES)
        self.warm_up = detector.warm_up

    def find(self, image: Image, wanted: frozenset[str], confidence: float) -> list[Finding]:
        found = self._detector.detect(image, confidence)
        answers.sound(found, len(self._detector.names))
        names = [self._detector.names[cls] for cls in found.classes.tolist()]
        parts = zip(names, found.scores.tolist(), found.boxes, found.landmarks, strict=True)
        return [Finding(NAMES.index(name), score, box, marks) for name, score, box, marks in parts if name in wanted]


class BySegmenter:
    """Boxes with outlines."""

    def __init__(self, segmenter: Segmenter, names: Sequence[str] = ()) -> None:
        """`names`: what its classes are called, in its order, instead of what it calls them. Raises ModelError."""
        self._segmenter = segmenter
        self.info, self.warm_up = segmenter.info, segmenter.warm_up
        said = names or segmenter.names
        if len(said) != len(segmenter.names):
            raise ModelError(f"{segmenter.info.name}: {len(segmenter.names)} classes, but {len(said)} names")
        self._ours = {name: ours(word) for name, word in zip(segmenter.names, said, strict=True)}
        self.classes = frozenset(self._ours.values()) & frozenset(NAMES)

    def find(self, image: Image, wanted: frozenset[str], confidence: float) -> list[Finding]:
        names = self._segmenter.names
        theirs = sorted(name for name, word in self._ours.items() if word in wanted)
        self._segmenter.tune(classes=theirs, confidence=confidence, iou=OVERLAP)
        found = self._segmenter.segment(image)
        answers.sound(found, len(names))
        parts = zip(found.classes.tolist(), found.scores.tolist(), found.boxes, found.patches, strict=True)
        return [
            Finding(NAMES.index(self._ours[names[cls]]), score, box, _UNKNOWN, patch)
            for cls, score, box, patch in parts
        ]


def check(name: str) -> None:
    """Raises ModelError where what is said of a file cannot be, or it would be fetched without a checksum."""
    if is_own(name) and read_own(name).suffix not in SUFFIXES:
        raise ModelError(f"{name!r:.200}: a detector of one's own is a file .onnx or .pt")


def load(name: str, size: int, weights_file: str | None, **options: Any) -> Finder:
    """The finder of that name. Raises ModelError. Options: `engine`, `device`, `precision`."""
    if knows("segment", name):
        segmenter = load_segmenter(name, classes=[], weights_file=weights_file, size=INPUT, **options)
        return BySegmenter(segmenter, read_own(name).names if is_own(name) else ())
    return ByDetector(load_detector(name, weights_file=weights_file, size=size, **options))


def weights_of(names: Sequence[str], weights_file: str | None) -> list[str]:
    """The known weights that these need, one after the other."""
    tasks: tuple[Task, ...] = ("detect", "segment")
    needed = (one for name in names for task in tasks for one in weights_needed(task, name, weights_file))
    return list(dict.fromkeys(needed))


def in_tiles(
    finder: Finder, image: Image, tiles: Sequence[Tile], wanted: frozenset[str], confidence: float
) -> list[Finding]:
    """What is found in the whole picture and in each of its parts by itself."""
    found = finder.find(image, wanted, confidence)
    for tile in tiles:
        inside = np.ascontiguousarray(image[tile.y0 : tile.y1, tile.x0 : tile.x1])
        found += [_moved(one, tile) for one in finder.find(inside, wanted, confidence)]
    return found


def _moved(one: Finding, tile: Tile) -> Finding:
    shift: Floats = np.array((tile.x0, tile.y0), np.float32)
    patch = one.patch and type(one.patch)(one.patch.x + tile.x0, one.patch.y + tile.y0, one.patch.mask)
    return Finding(one.cls, one.score, one.box + np.tile(shift, 2), one.landmarks + shift, patch)
