"""Clips made on the fly: small, deterministic, and each picture tells its own number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Source
from stages.output import priority

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
MALFORMED = DATA / "malformed"
BITS = 8


def needs(path: Path) -> Path:
    """The file itself, or a skipped test."""
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


def picture(number: int, width: int = 96, height: int = 64) -> Image:
    """A soft gradient that moves, and the number as a row of black and white blocks at the bottom."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = 60 + 90 * x // width
    image[..., 1] = 60 + 90 * y // height
    image[..., 2] = 60 + (x + 2 * number) % 96
    step = width // BITS
    for bit in range(BITS):
        image[-16:, bit * step : (bit + 1) * step] = 235 if number >> bit & 1 else 16
    return image


def number_of(image: Image) -> int:
    """The number that `picture` wrote."""
    step = image.shape[1] // BITS
    means = [image[-12:-4, bit * step + 2 : (bit + 1) * step - 2].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 128)


def make_clip(
    path: Path,
    frames: int | Iterable[Image] = 30,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: Fraction = Fraction(25),
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
    container_options: dict[str, str] | None = None,
    audio: int = 0,
    rotation: int = 0,
) -> Path:
    """Write a clip; `pts` in ticks of `time_base`; `audio` tracks of a sine, AAC at 44.1 kHz."""
    images = [picture(i) for i in range(frames)] if isinstance(frames, int) else list(frames)
    stamps = pts if pts is not None else [round(i / rate / time_base) for i in range(len(images))]
    height, width, _ = images[0].shape
    with priority.kept(), av.open(str(path), "w", container_options=container_options or {}) as box:
        video = box.add_stream(codec, rate=rate, options={"g": "10", "threads": "1", **(options or {})})
        video.width, video.height, video.pix_fmt = width, height, pixels
        video.codec_context.time_base = video.time_base = time_base
        for tag, value in (tags or {}).items():
            setattr(video.codec_context, tag, value)
        if rotation:
            video.set_display_rotation(rotation)
        tracks = [box.add_stream("aac", rate=44100) for _ in range(audio)]
        for image, stamp in zip(images, stamps, strict=True):
            frame = VideoFrame.from_ndarray(image, format="bgr24")
            frame = frame.reformat(
                format=pixels,
                dst_colorspace=(tags or {}).get("colorspace"),
                dst_color_range=(tags or {}).get("color_range"),
                interpolation="AREA",
            )
            frame.pts, frame.time_base = stamp, time_base
            box.mux(video.encode(frame))
        box.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _sing(box, track, len(images) / rate, 440 * (number + 1))
    return path


def _sing(box: av.container.OutputContainer, track: av.AudioStream, seconds: Fraction, pitch: int) -> None:
    count = int(seconds * 44100)
    wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(count) / 44100)
    for start in range(0, count, 1024):
        block = np.tile(wave[start : start + 1024].astype(np.float32), (2, 1))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        box.mux(track.encode(frame))
    box.mux(track.encode(None))


def lend(source: Source, spec: FrameSpec) -> Frame:
    """Give a source one frame to fill again and again; `clean` is the same picture, read only."""
    image = np.zeros((spec.height, spec.width, 3), np.uint8)
    clean = image.view()
    clean.flags.writeable = False
    source._frame = Frame({"image": image, "clean": clean})
    return source.frame


def read_all(source: Source) -> tuple[FrameSpec, list[Image], list[int]]:
    """Run a source to its end: what it said, its pictures, their time stamps."""
    spec = source.open()
    return spec, *rest_of(source, spec)


def rest_of(source: Source, spec: FrameSpec) -> tuple[list[Image], list[int]]:
    frame = lend(source, spec)
    images, stamps = [], []
    for _ in source.frames():
        images.append(frame.image.copy())
        stamps.append(frame.pts)
    source.close()
    return images, stamps


def decode(path: Path) -> list[Image]:
    """All pictures of a file as PyAV gives them."""
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]


def stamps_of(path: Path) -> list[Fraction]:
    """When the pictures of a file are shown, in seconds."""
    with av.open(str(path)) as box:
        return [frame.pts * frame.time_base for frame in box.decode(video=0)]


def sound_of(path: Path, track: int = 0) -> list[bytes]:
    """The packets of an audio track."""
    with av.open(str(path)) as box:
        return [bytes(packet) for packet in box.demux(audio=track) if packet.size]
