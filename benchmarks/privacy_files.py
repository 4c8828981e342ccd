"""What a covered file kept of the one it was made from: sound, size, frames and their times; looks at no picture."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av


def kept(source: Path, made: Path) -> dict[str, Any]:
    """`audio`: `bit for bit`, `anew`, or `none`; `size` and `frames`: whether they are the same; `late_ms`: by how much
    a frame stands at another time at most, of those that both have. Raises OSError, av.FFmpegError."""
    (size, times, sound), (new_size, new_times, new_sound) = _read(source), _read(made)
    off = [abs(one - other) for one, other in zip(times, new_times, strict=False)]
    return {
        "audio": "none" if not new_sound else "bit for bit" if new_sound == sound else "anew",
        "size": size == new_size,
        "frames": len(times) == len(new_times),
        "late_ms": round(1000 * max(off, default=0.0), 1),
    }


def _read(path: Path) -> tuple[tuple[int, int], list[float], str]:
    """Width and height, each frame's seconds after the first, and a digest of the sound's packets, "" without any."""
    times, sound = [], hashlib.sha256()
    with av.open(str(path)) as box:
        video = box.streams.video[0]
        streams = [video, *box.streams.audio[:1]]
        for packet in box.demux(streams):
            if packet.stream is video:
                times += [float(packet.pts * packet.time_base)] if packet.pts is not None and packet.size else []
            elif packet.size:
                sound.update(bytes(packet))
        size, heard = (video.codec_context.width, video.codec_context.height), bool(box.streams.audio)
    times.sort()
    return size, [at - times[0] for at in times], sound.hexdigest() if heard else ""
