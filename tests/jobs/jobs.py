"""Jobs from outside: the command in a process group of its own, with a light pipeline, and what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.commands import cleanplate
from tests.runs import COMMAND, ROOT

LINE = ("--segment", "0.8", "--preroll", "0.3", "--workers", "2")


def job(*args: str | Path, env: dict[str, str] | None = None, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    """`cleanplate job ...` to its end."""
    return cleanplate("job", *map(str, args), env=env, timeout=timeout)


def run_job(
    video: Path, config: str, output: Path, *args: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`cleanplate job run` with short segments."""
    return job("run", video, "--config", config, "--output", output, *LINE, *args, env=env)


def finished(video: Path, config: str, output: Path, *args: str) -> Path:
    """The same, and all went well."""
    ended = run_job(video, config, output, *args)
    assert ended.returncode == 0, ended.stderr
    assert str(output) in ended.stdout
    return output


def begin_job(video: Path, config: str, output: Path, *args: str, env: dict[str, str] | None = None,
              log: Path | None = None) -> subprocess.Popen[bytes]:  # fmt: skip
    """The same, under way, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    words = [*COMMAND, "job", "run", str(video), "--config", config, "--output", str(output), *LINE, *args]
    with (log or Path(os.devnull)).open("ab") as said:
        return subprocess.Popen(
            words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True, preexec_fn=heed_interrupts,
        )  # fmt: skip


def heed_interrupts() -> None:
    """What a shell begins in the background ignores SIGINT, and so would the job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def beside(output: Path) -> Path:
    """The job's folder."""
    return output.with_name(f"{output.name}.job")


def manifest_of(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((beside(output) / "job.json").read_text())
    return found


def states_of(output: Path) -> list[str]:
    return [segment["state"] for segment in manifest_of(output)["segments"]]


def parts_of(output: Path) -> dict[str, tuple[int, int]]:
    """Each part with its inode and time of change: another one where it was made anew."""
    found = sorted((beside(output) / "parts").iterdir())
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@dataclass(frozen=True)
class Facts:
    """All that can be read of a finished file. `pictures`: hashes of the decoded ones; `tracks`: of each other track
    its kind, codec, language and packets with their times in seconds."""

    pictures: list[str]
    stamps: list[Fraction]
    end: Fraction
    tracks: list[tuple[str, str, str | None, list[tuple[Fraction, bytes]]]]
    chapters: list[tuple[Fraction, Fraction, str]]
    tags: dict[str, str]
    rotation: int


def facts_of(path: Path) -> Facts:
    with av.open(str(path)) as box:
        pictures, stamps, rotation, end = [], [], 0, Fraction(0)
        for frame in box.decode(video=0):
            pictures.append(hashlib.sha256(_bytes_of(frame)).hexdigest())
            stamps.append(frame.pts * frame.time_base)
            rotation = frame.rotation
            end = stamps[-1] + (frame.duration or 0) * frame.time_base
    with av.open(str(path)) as box:
        others = [stream for stream in box.streams if stream.type != "video"]
        packets: dict[int, list[tuple[Fraction, bytes]]] = {stream.index: [] for stream in others}
        for packet in box.demux(others) if others else ():
            if packet.size:
                packets[packet.stream.index].append(((packet.pts or 0) * packet.time_base, bytes(packet)))
        tracks = [
            (one.type, one.codec_context.name if one.codec_context else "", one.metadata.get("language"),
             packets[one.index]) for one in others
        ]  # fmt: skip
        chapters = [
            (one["start"] * one["time_base"], one["end"] * one["time_base"], one["metadata"].get("title", ""))
            for one in box.chapters()
        ]
        tags = {key: value for key, value in box.metadata.items() if key.lower() not in ("encoder", "duration")}
    return Facts(pictures, stamps, end, tracks, chapters, tags, rotation)


def pictures_of(path: Path) -> list[str]:
    """Hashes of the decoded pictures."""
    with av.open(str(path)) as box:
        return [hashlib.sha256(_bytes_of(frame)).hexdigest() for frame in box.decode(video=0)]


def _bytes_of(frame: av.VideoFrame) -> bytes:
    """Its pixels as they are decoded, without the ends of rows."""
    made = frame if "bgr0" not in frame.format.name else frame.reformat(format="bgra")
    return made.to_ndarray().tobytes()
