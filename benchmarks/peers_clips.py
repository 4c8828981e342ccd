"""The clips that peers work on, and how what they make of them is judged: by the truth, which is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import privacy_clips, privacy_judge
from benchmarks.peers_known import TASKS
from benchmarks.peers_run import Judge, Task
from benchmarks.quality_clips import files, pictures
from benchmarks.removal_clip import Clip, make_clip
from benchmarks.scenarios_judge import judge, mean, psnr
from pipeline.frame import Image

PEOPLE, SIZE = 2, (1280, 720)


def tasks(folder: Path, data: Path | None, frames: int, only: str = "", size: tuple[int, int] = SIZE) -> Iterator[Task]:
    """All of them, or the one of that name; that of faces only where there is test data, of which their boxes are.

    Raises OSError, ModelError, av.FFmpegError."""
    wanted = [name for name in TASKS if only in ("", name)]
    if {"copy", "remove"} & set(wanted):
        clip = make_clip(folder / "people.mp4", PEOPLE, frames, size)
        judges: dict[str, Judge] = {"copy": partial(copied, clip), "remove": partial(removed, clip)}
        for name in wanted:
            if name in judges:
                yield Task(name, clip.path, frames, TASKS[name], judges[name])
    if "faces" in wanted and data:
        crowd = privacy_clips.crowd(data, folder)
        yield Task("faces", crowd.path, len(crowd.truth), TASKS["faces"], partial(covered, crowd))


def composites(folder: Path, data: Path) -> Iterator[Task]:
    """Removal from clips whose true background is known; LaMa is not asked, whose weights may be random."""
    peers = [peer for peer in TASKS["remove"] if not peer.few]
    for file in files(data / "composites", folder):
        if not file.ours and file.classes == "person":
            yield Task(file.name, file.path, len(file.truth), peers, partial(_uncovered, file.truth, file.hidden))


def copied(clip: Clip, made: Path, looked_at: Sequence[int]) -> dict[str, Any]:
    """How much the second encoding took."""
    pairs = zip(pictures(made), pictures(clip.path), strict=True)
    return {"whole_db": round(mean([psnr(one, other, np.ones(one.shape[:2], bool)) for one, other in pairs]), 2)}


def removed(clip: Clip, made: Path, looked_at: Sequence[int]) -> dict[str, Any]:
    """As it came out, encoding and all, beside the empty room."""
    return _uncovered([clip.room] * len(clip.places), [clip.mask(n) for n in range(len(clip.places))], made, looked_at)


def _uncovered(truth: Sequence[Image], hidden: Sequence[Image], made: Path, looked_at: Sequence[int]) -> dict[str, Any]:
    found = judge(pictures(made), [truth[n] for n in looked_at], [hidden[n] for n in looked_at])
    flicker = found["flicker"] if len(looked_at) == len(truth) else None  # of frames that follow each other
    return {
        "inside_db": round(found["inside_db"], 2),
        "outside_db": round(found["outside_db"], 2),
        "flicker": flicker and round(flicker, 2),
    }


def covered(clip: privacy_clips.Clip, made: Path, looked_at: Sequence[int]) -> dict[str, Any]:
    """How much of the faces' boxes was covered, and how much elsewhere."""
    outcome = privacy_judge.judge(pictures(clip.path), pictures(made), clip.truth, clip.rate)
    found = privacy_judge.figures(outcome)
    return {key: found[key] for key in ("seen", "covered", "recall", "far_share")}
