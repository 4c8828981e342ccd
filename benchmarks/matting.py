"""How good is a matte, and how fast? `python -m benchmarks.matting` writes `results/matting.json`.

Quality: mean absolute difference, gradient error and flicker of the plain mask and of the matte refined from it, by
clip (`matting_quality.py`). Speed: frames/s of `cleanplate run matte` and `matte-rvm` at 1080p, beside the usual script
with the same model (`matting_usual.py`), interleaved; and the hours that 40 minutes of 4K would take, by their pixels.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import matting_page, matting_usual, random_rvm
from benchmarks.matting_page import RESULT
from benchmarks.matting_quality import CLIPS, of_clip, overall
from benchmarks.removal_clip import make_clip
from benchmarks.removal_runs import remove
from benchmarks.results import complete, load, save
from benchmarks.transport import Bystanders
from models.rvm_state import ratio_for

WIDTH, HEIGHT = 1920, 1080
FRAMES, FEW = 90, 24  # of the clip; that the usual script takes
LONG = 40 * 60 * 30  # frames of 40 minutes at 30 frames/s
LARGER = 3840 * 2160 / (WIDTH * HEIGHT)
GOAL = 3.0  # times the usual script, on two cores

Told = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What all measurements of speed share."""

    folder: Path
    clip: Path
    network: Path
    frames: int


def speed(rounds: int, frames: int, told: Told) -> dict[str, Any]:
    """All rates. Raises RunError, ModelError."""
    others = Bystanders()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "clip.mp4", 1, frames, (WIDTH, HEIGHT))
        bench = Bench(folder, folder / "clip.mp4", random_rvm.write(folder / "rvm.torchscript"), frames)
        found: dict[str, list[float]] = {}
        for number in range(rounds):
            for what, fps in _round(bench):
                told(f"round {number + 1} of {rounds}: {what} {fps:.2f} frames/s")
                found.setdefault(what, []).append(fps)
    return {
        "rounds": rounds, "frames": frames, "size": f"{WIDTH}x{HEIGHT}", "others_busy": round(others.processors(), 2),
        "network": "random weights of the MobileNetV3 network's architecture",
        **{model: _figures(found[model], found[f"usual_{model}"]) for model in ("refined", "rvm")},
    }  # fmt: skip


def _figures(ours: list[float], usual: list[float]) -> dict[str, Any]:
    """Medians of the rounds, and what follows from them."""
    fps, other = statistics.median(ours), statistics.median(usual)
    return {
        "frames_per_s": round(fps, 3),
        "usual_frames_per_s": round(other, 3),
        "times_usual": round(fps / other, 2),
        "goal": fps / other >= GOAL,
        "hours_40_min_4k": round(LONG * LARGER / fps / 3600, 1),
        "usual_hours_40_min_4k": round(LONG * LARGER / other / 3600, 1),
        "of_rounds": [round(rate, 3) for rate in ours],
        "usual_of_rounds": [round(rate, 3) for rate in usual],
    }


def _round(bench: Bench) -> Iterator[tuple[str, float]]:
    output, few = bench.folder / "out.mp4", min(FEW, bench.frames)
    yield "usual_refined", matting_usual.run(matting_usual.by_mask(HEIGHT, WIDTH), bench.clip, output, few)
    yield "refined", remove("matte", bench.clip, output, bench.folder)["fps"]
    network = matting_usual.by_network(bench.network, ratio_for(HEIGHT, WIDTH))
    yield "usual_rvm", matting_usual.run(network, bench.clip, output, few)
    weights = [f"matting.weights={bench.network}"]
    yield "rvm", remove("matte-rvm", bench.clip, output, bench.folder, sets=weights, frames=few)["fps"]


def quality(told: Told) -> dict[str, Any]:
    """Every clip with a known alpha, and all of them; empty where there is none on this machine."""
    clips: dict[str, Any] = {}
    for folder in sorted(CLIPS.iterdir()) if CLIPS.is_dir() else ():
        clips[folder.name] = of_clip(folder)
        told(f"{folder.name}: {clips[folder.name]['share']}")
    return {"clips": clips, "overall": overall(clips)} if clips else {}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for; what is not stays as it was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matting")
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--json", type=Path, default=RESULT)
    wanted = parser.parse_args(arguments)

    def told(line: str) -> None:
        print(line, flush=True)

    content = load(wanted.json, "matting") if wanted.json.exists() else {}
    if wanted.only != "speed":
        content["quality"] = quality(told)
    if wanted.only != "quality":
        content["speed"] = speed(wanted.rounds, wanted.frames, told)
    kept: dict[str, Any] = {part: content[part] for part in ("quality", "speed") if part in content}
    save(wanted.json, complete("matting", kept))
    if wanted.json == RESULT:
        matting_page.write()


if __name__ == "__main__":
    main()
