"""Clips and photos whose faces and plates are known, and videos of them at 720p with a tone; judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from pipeline.frame import Image
from stages.ingest.still import read_still

WIDE = 1280, 720  # pixels
TONE_HZ, SAMPLES = 440, 48_000
VISIBLE = 0.9  # of a face in the picture, from which on it has to be covered
LEAST = 6  # pixels of its sides, likewise


@dataclass(frozen=True)
class Place:
    """Something that is known to be in a frame: who, where (x0 y0 x1 y1, pixels), whether it has to be covered."""

    who: int
    box: tuple[float, float, float, float]
    must: bool

    def scaled(self, factor: float) -> Place:
        """The same in a picture that many times as large."""
        x0, y0, x1, y1 = (factor * at for at in self.box)
        return Place(self.who, (x0, y0, x1, y1), self.must)


@dataclass(frozen=True)
class Clip:
    """A file, and what is to be seen in each of its frames; nothing is known of it where `truth` is empty."""

    name: str
    path: Path
    rate: float
    truth: Sequence[Sequence[Place]] = field(default=())


def known(data: Path, name: str) -> Clip:
    """A clip of `panclips` with its boxes. Raises OSError, ValueError."""
    facts = json.loads((data / "panclips" / f"{name}.json").read_text())
    truth = [list(_places(row)) for row in facts["per_frame"]]
    return Clip(name, data / "panclips" / f"{name}.mp4", float(facts["fps"]), truth)


def _places(row: dict[str, Any]) -> Iterator[Place]:
    for kind in ("must", "optional"):
        for one in row.get(kind, ()):
            x0, y0, x1, y1 = one["box"]
            large = int(x1) - max(0, int(x0)) >= LEAST and int(y1) - max(0, int(y0)) >= LEAST
            yield Place(one["id"], (x0, y0, x1, y1), kind == "must" and one["visible"] >= VISIBLE and large)


def crowd(data: Path, folder: Path, times: int = 3) -> Clip:
    """`faces_crowd` at 720p with a tone, forth and back so many times: a longer clip without a cut."""
    once = known(data, "faces_crowd")
    shown, truth = pictures(once.path), once.truth
    order = [at if turn % 2 == 0 else len(shown) - 1 - at for turn in range(times) for at in range(len(shown))]
    factor = WIDE[0] / shown[0].shape[1]
    path = folder / "crowd.mp4"
    write(path, (shown[at] for at in order), once.rate)
    return Clip("crowd", path, once.rate, [[one.scaled(factor) for one in truth[at]] for at in order])


def walk(data: Path, folder: Path, frames: int = 50) -> Clip:
    """A fixed camera at 720p with a tone: people come in one after the other. Nobody has drawn their faces' boxes."""
    path, rate = folder / "walk.mp4", 25.0
    source = data / "real" / "one-by-one-person-detection.mp4"
    with av.open(str(source)) as box:
        some = islice(box.decode(video=0), 100, 100 + frames)
        write(path, (np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in some), rate)
    return Clip("walk", path, rate)


def photos(data: Path) -> Iterator[tuple[Image, list[Place]]]:
    """The photos of `plates_eu`, each with its one plate."""
    for path in sorted((data / "plates_eu").glob("*.txt")):
        name, *sides = path.read_text().split()[:5]
        x, y, wide, high = map(int, sides)
        yield _photo(path.with_name(name)), [Place(0, (x, y, x + wide, y + high), True)]


def city(data: Path) -> tuple[Image, list[Place]]:
    """The photo of a crowd with its faces."""
    drawn = json.loads((data / "faces" / "city_faces.json").read_text())
    found = [Place(at, tuple(box), must) for must, kind in ((True, "must"), (False, "optional"))
             for at, box in enumerate(drawn[kind])]  # fmt: skip
    return _photo(data / "faces" / "city.jpg"), found


def _photo(path: Path) -> Image:
    return np.asarray(read_still(str(path)).to_ndarray(format="bgr24"), np.uint8)


def pictures(path: Path) -> list[Image]:
    """All frames of a file, uint8 [H, W, 3] BGR. Raises OSError, av.FFmpegError."""
    with av.open(str(path)) as box:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in box.decode(video=0)]


def write(path: Path, shown: Iterable[Image], rate: float, size: tuple[int, int] = WIDE) -> None:
    """H.264 of that size, and a tone as AAC. Raises av.FFmpegError."""
    with av.open(str(path), "w") as box:
        video: Any = box.add_stream("libx264", Fraction(rate), options={"crf": "16", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        tone: Any = box.add_stream("aac", SAMPLES)
        tone.layout = "mono"
        count = 0
        for count, image in enumerate(shown, start=1):  # noqa: B007
            large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
            box.mux(video.encode(av.VideoFrame.from_ndarray(large, format="bgr24")))
        box.mux(video.encode(None))
        for packet in _tone(tone, count / rate):
            box.mux(packet)


def _tone(stream: Any, seconds: float) -> Iterator[Any]:
    times = np.arange(round(seconds * SAMPLES)) / SAMPLES
    wave = (0.2 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = SAMPLES, 0
    yield from stream.encode(frame)
    yield from stream.encode(None)
