"""Clips with everything beside the picture: sound, subtitles, chapters, tags, a font; by imageio-ffmpeg's FFmpeg."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
from av.stream import Disposition

SECONDS = 4
FONT = bytes(range(256)) * 8
SRT = """1
00:00:00,500 --> 00:00:01,500
Hello <i>there</i>

2
00:00:02,000 --> 00:00:03,000
Two
lines
"""
TAGS = """;FFMETADATA1
title=The film
comment=a comment
location=+48.1000+011.5000/
creation_time=2020-01-02T03:04:05Z
scene=7b
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=4000
title=Two
"""


def ffmpeg(*arguments: str | Path) -> None:
    """Run the FFmpeg of imageio-ffmpeg; it must succeed."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def full_clip(path: Path, *, subtitles: str = "subrip", extra: tuple[str | Path, ...] = (), offset: str = "0") -> Path:
    """Four seconds with two audio tracks (the second begins 0.4 s late), subtitles, two chapters, tags.

    A Matroska file holds a font too. `offset` moves all time stamps by so many seconds.
    """
    beside = path.parent / f"{path.name}.beside"
    beside.mkdir()
    (beside / "s.srt").write_text(SRT)
    (beside / "tags.txt").write_text(TAGS)
    (beside / "font.ttf").write_bytes(FONT)
    font = ("-attach", beside / "font.ttf", "-metadata:s:t:0", "mimetype=application/x-truetype-font")
    # fmt: off
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size=96x64:rate=25:duration={SECONDS}",
        "-f", "lavfi", "-i", f"sine=frequency=440:duration={SECONDS}",
        "-itsoffset", "0.4", "-f", "lavfi", "-i", f"sine=frequency=880:duration={SECONDS - 1}",
        "-i", beside / "s.srt", "-i", beside / "tags.txt",
        "-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_metadata", "4", "-map_chapters", "4",
        "-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-c:s", subtitles,
        "-metadata:s:a:0", "language=ger", "-metadata:s:a:0", "title=Ton", "-metadata:s:a:1", "language=fre",
        "-metadata:s:s:0", "language=eng", "-metadata:s:s:0", "title=Words",
        "-disposition:a:0", "0", "-disposition:a:1", "default", "-disposition:s:0", "forced",
        *(font if path.suffix == ".mkv" else ()), *extra, "-output_ts_offset", offset, path,
    )
    # fmt: on
    return path


def texts(path: Path) -> list[tuple[float, float, str]]:
    """The subtitles of a file: begin, length in seconds, text without its markup."""
    found = []
    with av.open(str(path)) as box:
        stream = box.streams.subtitles[0]
        for packet in box.demux(stream):
            for line in packet.decode() if packet.size > 2 else ():
                said = re.sub(r"\{.*?\}", "", line.ass.decode().split(",", 8)[8]).replace("\\N", "\n")
                base = packet.time_base
                found.append((float(packet.pts * base), float(packet.duration * base), said))
    return found


def chapters(path: Path) -> list[tuple[float, float, str]]:
    with av.open(str(path)) as box:
        return [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in box.chapters()
        ]


def about(path: Path) -> dict[str, str]:
    with av.open(str(path)) as box:
        return {key.lower(): value for key, value in box.metadata.items()}


def tracks(path: Path, kind: str) -> list[tuple[str | None, str | None, bool, bool]]:
    """Language, title, default, forced of each track of a kind."""
    with av.open(str(path)) as box:
        return [
            (
                stream.metadata.get("language"),
                stream.metadata.get("title") or stream.metadata.get("name"),
                bool(stream.disposition & Disposition.default),
                bool(stream.disposition & Disposition.forced),
            )
            for stream in box.streams
            if stream.type == kind
        ]


def lead_of(path: Path) -> float:
    """Seconds from the first picture to the first audio packet."""
    with av.open(str(path)) as box:
        first: dict[str, float] = {}
        for packet in box.demux():
            if packet.pts is not None:
                first.setdefault(packet.stream.type, float(packet.pts * packet.time_base))
    return first["audio"] - first["video"]
