"""Beside `deface`: the same clips, in turn, timed and judged alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import privacy_clips as clips
from benchmarks.privacy_clips import Clip
from benchmarks.privacy_files import kept
from benchmarks.privacy_judge import figures, judge
from benchmarks.privacy_runs import Ran, cleanplate, deface

OURS, THEIRS = "cleanplate", "deface"
KEEPS = "output.audio=copy"  # as its -k
SOLID = ("--replacewith", "solid", "--ffmpeg-config", '{"codec": "ffv1", "macro_block_size": 1}')
TIMED = "frames_per_s", "steady_fps", "first_s", "cpu_ms_per_frame"
REAL = ("test_face_video", "test_lp_video")  # photographed, and nothing is known of what they show

Told = Callable[[str], None]


@dataclass(frozen=True)
class Goal:
    """What was asked of a figure, on the clip at 720p with sound."""

    name: str
    says: str
    least: float


GOALS = (
    Goal("times", "frames/s of the whole command, by those of deface", 3.0),
    Goal("steady_times", "frames/s while at it, by those of deface", 3.0),
    Goal("recall", "recall less that of deface", 0.0),
)


def beside(data: Path, folder: Path, rounds: int, told: Told, *, quick: bool = False) -> dict[str, Any]:
    """All clips, each `rounds` times by both in turn. Raises RunError, OSError, av.FFmpegError."""
    found: dict[str, Any] = {"clips": {}}
    large = (clips.crowd(data, folder, 1), clips.walk(data, folder, 8)) if quick else _large(data, folder)
    for clip in (*large, clips.known(data, "faces_crowd")):
        ran: dict[str, list[Ran]] = {OURS: [], THEIRS: []}
        for number in range(rounds):
            for who, one in _both(clip, folder):
                ran[who].append(one)
                rate = f"{one.steady_fps:.2f} frames/s, first after {one.took.first_s or one.took.seconds:.1f} s"
                told(f"{clip.name}, round {number + 1} of {rounds}: {who} {rate}, {one.took.seconds:.1f} s")
        found["clips"][clip.name] = {who: of_clip(clip, some) for who, some in ran.items()}
        if clip.truth:
            found["clips"][clip.name][f"{THEIRS}, solid"] = _solid(clip, folder, told)
    found["goals"] = judged(found["clips"]["crowd"])
    return found


def _large(data: Path, folder: Path) -> tuple[Clip, Clip]:
    return clips.crowd(data, folder), clips.walk(data, folder)


def _both(clip: Clip, folder: Path) -> Iterator[tuple[str, Ran]]:
    """One run of each, with the sound, as somebody would who wants it."""
    yield OURS, cleanplate("privacy-faces", clip.path, folder / f"{clip.name}-ours.mp4", KEEPS)
    yield THEIRS, deface(clip.path, folder / f"{clip.name}-theirs.mp4", "-k")


def of_clip(clip: Clip, ran: Sequence[Ran]) -> dict[str, Any]:
    """The medians of the rounds, and what the last one's file shows."""
    rounds = [timed(one, len(clips.pictures(one.output))) for one in ran]
    found: dict[str, Any] = {key: round(statistics.median(one[key] for one in rounds), 3) for key in TIMED}
    found["of_rounds"] = {key: [one[key] for one in rounds] for key in TIMED}
    found["kept"] = kept(clip.path, ran[-1].output)
    if clip.truth:
        found["judged"] = _judged(clip, ran[-1].output)
    if report := ran[-1].report:
        found["stages"] = {name: stage["busy_ms"]["p50"] for name, stage in report["stages"].items()}
        found["models"] = report["models"]
    return found


def timed(ran: Ran, frames: int) -> dict[str, float]:
    """The figures of one run. A file that was empty until its end had its first picture then."""
    took = ran.took
    return {
        "frames_per_s": round(frames / took.seconds, 3),
        "steady_fps": round(ran.steady_fps, 3),
        "first_s": round(took.seconds if took.first_s is None else took.first_s, 3),
        "cpu_ms_per_frame": round(1000 * took.cpu_s / frames, 1),
    }


def _solid(clip: Clip, folder: Path, told: Told) -> dict[str, Any]:
    """Its recall where it draws a black box, and nothing is lost in encoding: how well it finds, whatever it shows."""
    ran = deface(clip.path, folder / f"{clip.name}-solid.mkv", *SOLID)
    told(f"{clip.name}: {THEIRS}, solid")
    return {"judged": _judged(clip, ran.output)}


def _judged(clip: Clip, made: Path) -> dict[str, Any]:
    return figures(judge(clips.pictures(clip.path), clips.pictures(made), clip.truth, clip.rate))


def judged(clip: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{goal: {value, asked, met}} of the clip at 720p with sound. Recall is compared with the better of its two."""
    ours, theirs = clip[OURS], clip[THEIRS]
    best = max(clip[who]["judged"]["recall"] for who in (THEIRS, f"{THEIRS}, solid"))
    values = {
        "times": ours["frames_per_s"] / theirs["frames_per_s"],
        "steady_times": ours["steady_fps"] / theirs["steady_fps"],
        "recall": ours["judged"]["recall"] - best,
    }
    return {
        goal.name: {**asdict(goal), "value": round(values[goal.name], 3), "met": values[goal.name] >= goal.least}
        for goal in GOALS
    }


def real(data: Path, folder: Path, told: Told) -> dict[str, Any]:
    """Frames/s on photographed clips of 2560x1920 whose truth nobody has drawn."""
    found = {}
    for name, config in zip(REAL, ("privacy-faces", "privacy-plates"), strict=True):
        ran = cleanplate(config, data / "real" / f"{name}.mp4", folder / f"{name}.mp4")
        found[name] = {"config": config, "fps": round(ran.steady_fps, 2), "frames": ran.report["frames"]["output"]}
        told(f"{name}: {config} {ran.steady_fps:.2f} frames/s")
    return found
