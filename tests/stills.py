"""Still pictures made on the fly, in every kind that can be read, with the orientation that a camera would note."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

from av.codec.context import CodecContext
from av.video.frame import VideoFrame

from pipeline.frame import Image

CODECS = {
    "png": ("png", "rgb24"),
    "jpg": ("mjpeg", "yuvj444p"),
    "bmp": ("bmp", "bgr24"),
    "tif": ("tiff", "rgb24"),
    "webp": ("libwebp", "bgra"),
}


def still(image: Image, ending: str = "png", pixels: str | None = None, orientation: int = 1) -> bytes:
    """The file of one picture, uint8 [H, W, 3] BGR; `orientation` 1 to 8 as in EXIF (JPEG only)."""
    codec, usual = CODECS[ending]
    context = CodecContext.create(codec, "w")
    context.height, context.width = image.shape[:2]
    context.pix_fmt = pixels or usual
    context.time_base = Fraction(1, 25)
    context.options = {"lossless": "1"} if ending == "webp" else {"qmin": "1", "qmax": "1"} if ending == "jpg" else {}
    frame = VideoFrame.from_ndarray(image, format="bgr24").reformat(
        format=context.pix_fmt, dst_color_range="JPEG" if ending == "jpg" else None
    )
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    data = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    return oriented(data, orientation) if orientation != 1 else data


def oriented(jpeg: bytes, orientation: int) -> bytes:
    """The same JPEG with an EXIF block of the one entry `Orientation`."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def write_still(path: Path, image: Image, *, orientation: int = 1, pixels: str | None = None) -> Path:
    """Write a picture of the kind that its name says."""
    path.write_bytes(still(image, path.suffix[1:].lower().replace("jpeg", "jpg"), pixels, orientation))
    return path
