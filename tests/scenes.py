"""A real person (from a picture that Ultralytics carries) who crosses an empty made-up room: input and truth."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

WIDTH, HEIGHT, RATE = 640, 360, 15
STANDING = (slice(230, 400), slice(50, 100))  # rows and columns of the man at the left, in `make_standing`


@dataclass(frozen=True)
class Scene:
    """The file, the empty room uint8 [H, W, 3] BGR, and the person's true mask in each frame, uint8 [H, W]."""

    path: Path
    room: np.ndarray
    masks: list[np.ndarray]


def asset(name: str) -> np.ndarray:
    """A picture of the ultralytics wheel, BGR."""
    path = resources.files("ultralytics") / "assets" / name
    with av.open(str(path)) as box:
        return next(box.decode(video=0)).to_ndarray(format="bgr24")


def make_standing(path: Path, frames: int = 6) -> Path:
    """Write a clip of bus.jpg at half its size, 404x540: four people stand there, one of them in STANDING."""
    picture = np.ascontiguousarray(asset("bus.jpg")[::2, ::2][:, :404])
    with av.open(str(path), "w") as box:
        video = box.add_stream("libx264", rate=10, width=picture.shape[1], height=picture.shape[0], pix_fmt="yuv420p")
        for _ in range(frames):
            box.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        box.mux(video.encode(None))
    return path


@cache
def cutout() -> tuple[np.ndarray, np.ndarray]:
    """A person of bus.jpg, 220 pixels high, and its mask; found by the segmenter itself."""
    from models.registry import load_segmenter

    picture = asset("bus.jpg")
    found = load_segmenter("yolov5s-seg", classes=["person"]).segment(picture)
    whole = [i for i in range(len(found)) if found.patches[i].mask.shape[0] > 350 and found.boxes[i][0] > 20]
    patch = found.patches[whole[0]]
    height, width = patch.mask.shape
    crop = picture[patch.y : patch.y + height, patch.x : patch.x + width]
    size = (round(220 * width / height), 220)
    mask = (cv2.resize(patch.mask, size, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8) * 255
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA), mask


def room() -> np.ndarray:
    """A wall, a floor, a window, some grain."""
    rng = np.random.default_rng(7)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    picture[:] = np.linspace(150, 190, WIDTH)[None, :, None] + np.array([0, 8, 14])
    picture[250:] = np.linspace(90, 120, HEIGHT - 250)[:, None, None] + np.array([0, 10, 30])
    picture[60:160, 80:200] = (220, 200, 170)
    picture[246:252] = 60
    noise = cv2.GaussianBlur(rng.normal(0, 14, picture.shape).astype(np.float32), (0, 0), 1.2)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def make_scene(path: Path, frames: int = 40, *, sound: bool = True) -> Scene:
    """Write the clip: the person enters at the left after five frames and walks to the right."""
    person, shape = cutout()
    empty = room()
    masks = []
    with av.open(str(path), "w") as box:
        video = box.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        tone = box.add_stream("aac", rate=44100) if sound else None
        for index in range(frames):
            picture, mask = empty.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
            _paste(picture, mask, person, shape, x=-person.shape[1] + (index - 4) * 16, y=110)
            masks.append(mask)
            box.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        box.mux(video.encode(None))
        if tone is not None:
            _beep(box, tone, frames / RATE)
    return Scene(path, empty, masks)


def _paste(picture: np.ndarray, mask: np.ndarray, person: np.ndarray, shape: np.ndarray, x: int, y: int) -> None:
    left, right = max(0, x), min(WIDTH, x + person.shape[1])
    if left >= right:
        return
    where = shape[:, left - x : right - x] > 0
    rows = slice(y, y + person.shape[0])
    picture[rows, left:right][where] = person[:, left - x : right - x][where]
    mask[rows, left:right][where] = 255


def _beep(box: Any, stream: Any, seconds: float) -> None:
    times = np.arange(int(44100 * seconds)) / 44100
    samples = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]
    for at in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, at : at + 1024]), format="fltp", layout="mono"
        )
        frame.rate, frame.pts, frame.time_base = 44100, at, Fraction(1, 44100)
        box.mux(stream.encode(frame))
    box.mux(stream.encode(None))


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as box:
        return [bytes(packet) for packet in box.demux(audio=0) if packet.size]


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    error = (a[where].astype(np.float32) - b[where].astype(np.float32)) ** 2
    return float(10 * np.log10(255.0**2 / max(float(error.mean()), 1e-6)))
