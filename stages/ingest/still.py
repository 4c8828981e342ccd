"""Still pictures: one file, one picture. Knows kinds by their first bytes, never by a name, and opens nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipeline.errors import SetupError
from stages.media import MAX_PIXELS, check_file, check_size, reason, shown

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

HEAD = 1 << 18  # bytes in which the size of a picture is found, but for TIFF, which may have it at its end
MAX_BYTES = 1 << 29


def decoder_for(head: bytes) -> str | None:
    """FFmpeg's decoder for a file that begins with these bytes (12 or more), None if it is no known picture."""
    if head[:3] == b"\xff\xd8\xff":
        return "mjpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # a text may begin with BM
        return "bmp"
    return None


def is_still(path: str) -> bool:
    """Whether a file holds a picture, as its first bytes tell; False where it cannot be read."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return decoder_for(file.read(12)) is not None
    except (OSError, ValueError):
        return False


def read_still(path: str) -> VideoFrame:
    """Decode a picture, whole or not at all. Raises SetupError.

    Of several in one file (a TIFF with pages, a photo with its preview) the first one comes.
    """
    import av

    name, data = _load(path)
    try:
        # In damaged data a decoder would fill in what it can: here that is an error.
        frame = _first(_open_decoder(name, strict=True), data)
    except (av.FFmpegError, ValueError) as error:
        raise SetupError(f"{shown(path)}: a damaged picture ({reason(error)})") from error
    if frame is None or frame.is_corrupt:
        raise SetupError(f"{shown(path)}: a damaged picture")
    check_size(frame.width, frame.height, shown(path))
    return frame


def glance(path: str) -> VideoFrame | tuple[int, int]:
    """What the beginning of a picture tells: the picture, half of it grey perhaps, or its width and height.

    Raises SetupError where even its size is unknown.
    """
    import av

    name, data = _load(path, HEAD)
    context = _open_decoder(name)
    try:
        frame = _first(context, data)
    except (av.FFmpegError, ValueError):
        frame = None
    width, height = (frame.width, frame.height) if frame else (context.width, context.height)
    if not (width and height):
        raise SetupError(f"{shown(path)}: a damaged picture")
    check_size(width, height, shown(path))
    return frame or (width, height)


def _load(path: str, head: int | None = None) -> tuple[str, bytes]:
    """The decoder of a picture and its bytes, or only the first `head` where they tell its size. Raises SetupError."""
    check_file(path, "a picture")
    if (size := os.path.getsize(path)) > MAX_BYTES:
        raise SetupError(f"{shown(path)}: {size} bytes are too many for a picture; the limit is {MAX_BYTES}")
    try:
        with open(path, "rb") as file:
            data = file.read(head or MAX_BYTES)
            name = decoder_for(data[:12])
            if name in ("tiff", "webp"):  # the one has its size anywhere, the other is decoded whole or not at all
                data += file.read(MAX_BYTES)
    except OSError as error:
        raise SetupError(f"{shown(path)}: cannot be read ({reason(error)})") from error
    if name is None:
        raise SetupError(f"{shown(path)}: not a picture that can be read (png, jpg, bmp, tif, webp)")
    return name, data


def _open_decoder(name: str, *, strict: bool = False) -> VideoCodecContext:
    from av.video.codeccontext import VideoCodecContext

    context = VideoCodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    if strict and name in ("mjpeg", "png"):  # the TIFF decoder finds fault with healthy files then
        context.options["err_detect"] = "explode"
    return context


def _first(context: VideoCodecContext, data: bytes) -> VideoFrame | None:
    from av.packet import Packet

    return next(iter(context.decode(Packet(data)) + context.decode(None)), None)
