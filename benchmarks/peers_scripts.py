"""Peers that are scripts of ours, each run over a file in a process of its own, which ends by saying how it went.

`python -m benchmarks.peers_scripts NAME CLIP OUTPUT` writes H.264 and prints one line of JSON: `frames`; `steady_fps`,
frames/s without loading; `late_ms`, median from a frame's being decoded to its being encoded; `cpu_s` of that time.
`--pace FPS` lets frames come like a camera's, where several are under way at once; one after the other they cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks import baseline, peers_queue
from benchmarks.baseline import Cleaner, Ran
from benchmarks.peers_opencv import Subtracted
from pipeline.frame import Image

NAMES = ("copy", "queue-copy", "usual", "opencv", "opencv-background", "queue")
FILLER = "push-pull"  # of the queue's last process


class Untouched:
    """Gives every frame as it is. Follows `benchmarks.baseline.Cleaner`."""

    calls = 0

    def clean(self, image: Image) -> Image:
        return image


def run(wanted: argparse.Namespace) -> tuple[Ran, float]:
    """What it was asked for, and the seconds of CPU from the first frame on. Raises what the script raises."""
    if wanted.name.startswith("queue"):
        begun, filler = cpu(), FILLER if wanted.name == "queue" else ""
        ran = peers_queue.run(wanted.clip, wanted.output, filler=filler, pace=wanted.pace, most=wanted.most)
    else:
        cleaner = _cleaner(wanted.name, wanted.lama)
        begun = cpu()
        ran = baseline.run(cleaner, wanted.clip, wanted.output, every=wanted.every, most=wanted.most)
    return ran, cpu() - begun


def _cleaner(name: str, lama: Path | None) -> Cleaner:
    if name == "copy":
        return Untouched()
    if name != "usual":
        return Subtracted(remembered=name == "opencv-background")
    if lama is None:
        raise SystemExit("usual: --lama FILE is missing")
    usual = baseline.Usual(lama)
    usual.warm_up()
    return usual


def cpu() -> float:
    """Seconds of CPU of this process, and of its children that have ended."""
    return sum(os.times()[:4])


def said(ran: Ran, cpu_s: float) -> dict[str, float]:
    """What is printed."""
    return {
        "frames": len(ran.seconds),
        "steady_fps": round(ran.fps, 3),
        "late_ms": round(1000 * statistics.median(ran.seconds), 1),
        "cpu_s": round(cpu_s, 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """One run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers_scripts")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("clip", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--lama", type=Path, help="the TorchScript file of LaMa, for `usual`")
    parser.add_argument("--every", type=int, default=1, help="one of so many frames, the middle one")
    parser.add_argument("--most", type=int, help="frames at most")
    parser.add_argument("--pace", type=float, default=0.0, help="frames/s that come, for `queue`")
    print(json.dumps(said(*run(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
