"""The pictures of `docs/quality.md`: input, mask, result and truth side by side, and the PSNR frame by frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.plots import BLUE, GREY, ORANGE, small_multiples
from benchmarks.scenarios_sheet import GAP, INK, PAPER, outlined, small, write_picture
from pipeline.frame import Image

CELL, HEAD, QUALITY = 250, 18, 72
WORDS = ("input, and who is to go", "its mask: the true one, or as given", "result", "truth")
ACROSS = 4  # plots in a row


def telling(masks: Sequence[Image], inside: Sequence[float | None]) -> list[int]:
    """The frames to show: the one with the largest hole, and of the others the one that came out worst."""
    sizes = [np.count_nonzero(mask) if value is not None else 0 for mask, value in zip(masks, inside, strict=True)]
    if not any(sizes):
        return []
    largest = int(np.argmax(sizes))
    others = [at for at, size in enumerate(sizes) if abs(at - largest) > 3 and size > max(sizes) / 8]
    worst = min(others, key=lambda at: inside[at] or 0.0, default=None)
    return sorted({largest, *([] if worst is None else [worst])})


def write_strip(path: Path, rows: Sequence[Sequence[Image]]) -> None:
    """A JPEG; each row is four pictures: input, mask uint8 [H, W], result, truth. Raises OSError, RunError."""
    lines = [_head(), *(np.hstack([small(_shown(part), CELL) for part in row]) for row in rows)]
    picture = np.vstack(lines)
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # colour is halved
    write_picture(np.ascontiguousarray(even), path, QUALITY)


def row_of(image: Image, mask: Image, hidden: Image, result: Image, truth: Image) -> list[Image]:
    """What a strip shows of one frame: the outline of what is `hidden` is drawn into the input."""
    return [outlined(image, hidden), mask, result, truth]


def draw_plot(path: Path, clips: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """The PSNR in the hole of every frame, a small plot for each clip; as PNG. Raises OSError."""
    figure, grid = small_multiples(len(clips), ACROSS, 10, 1.7, 0.4)
    for axes, (name, clip) in zip(grid, clips.items(), strict=True):
        values = [np.nan if value is None else value for value in clip["inside_of_frames"]]
        axes.plot(values, color=BLUE, lw=1.4)
        if goal := clip.get("goal"):
            axes.axhline(goal["inside_db"], color=ORANGE, lw=1, ls="--")
        if floor := clip.get("floor_db"):
            axes.axhline(floor, color=GREY, lw=1, ls=":")
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_xlim(0, len(values) - 1)
        axes.set_ylim(10, 52)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    figure.savefig(path, format="png", metadata={"Description": digest(clips), "Software": None})


def digest(clips: Mapping[str, Mapping[str, Any]]) -> str:
    """What a plot is made from: written into it, so that it can be told whether it shows these very results."""
    shown = {name: [clip["inside_of_frames"], clip.get("goal"), clip.get("floor_db")] for name, clip in clips.items()}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _shown(part: Image) -> Image:
    return cv2.cvtColor(part, cv2.COLOR_GRAY2BGR) if part.ndim == 2 else part


def _head() -> Image:
    head = np.full((HEAD, len(WORDS) * (CELL + GAP), 3), PAPER, np.uint8)
    for number, word in enumerate(WORDS):
        at = (number * (CELL + GAP) + 2, HEAD - 5)
        cv2.putText(head, word, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return head
