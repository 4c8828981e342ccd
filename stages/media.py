"""Opening media files safely: which containers are let in, how large a picture may be, and errors in one line."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from pipeline.errors import SetupError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Playlists and scripts (hls, concat, image2, ...) stay out: they open further files, or the network.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,av1,obu,ivf,nut,flv,ogg,asf,yuv4mpegpipe"
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
MAX_PIXELS = 7680 * 4320
MAX_SIDE = 16384


def shown(path: str | os.PathLike[str]) -> str:
    """A file name that fits in one line of any terminal."""
    name = os.fspath(path)
    return name if name.isprintable() else ascii(name)


def open_media(path: str, formats: str = CONTAINERS) -> InputContainer:
    """Open a file for reading by its path, and only that file. Raises SetupError."""
    import av

    check_file(path)
    try:
        return av.open(
            f"file:{path}", mode="r", options={**OPTIONS, "format_whitelist": formats}, metadata_errors="replace"
        )
    except (av.FFmpegError, ValueError) as error:
        raise SetupError(f"{shown(path)}: not media that can be read ({reason(error)})") from error


def check_file(path: str, kind: str = "a video file") -> None:
    """Refuse what is no regular file with something in it. Raises SetupError."""
    try:
        path.encode("utf-8")
        status = os.stat(path)
    except UnicodeEncodeError as error:
        raise SetupError(f"{shown(path)}: the name is not UTF-8; rename the file") from error
    except ValueError as error:
        raise SetupError(f"{shown(path)}: not a file name ({error})") from error
    except OSError as error:
        raise SetupError(f"{shown(path)}: cannot be opened ({reason(error)})") from error
    if not stat.S_ISREG(status.st_mode):
        found = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise SetupError(f"{shown(path)}: is {found}, not {kind}")
    if status.st_size == 0:
        raise SetupError(f"{shown(path)}: is empty")


def video_stream(container: InputContainer, label: str) -> VideoStream:
    """The first video stream that is no cover picture. Raises SetupError."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise SetupError(f"{label}: cannot decode its video: no decoder for it")
        check_size(stream.codec_context.width, stream.codec_context.height, label)
        return stream
    raise SetupError(f"{label}: no video stream")


def stamp(packet: Packet[Any]) -> int:
    """When a packet is shown, in its own ticks; when it is decoded, where the file does not say."""
    return packet.pts if packet.pts is not None else packet.dts or 0


def check_size(width: int, height: int, label: str) -> None:
    """Refuse absurd pictures before memory is taken for them. Raises SetupError."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise SetupError(f"{label}: {width}x{height} pixels are too many; the limit is 7680x4320")


def reason(error: Exception) -> str:
    """What went wrong, without the address and the error number around it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
