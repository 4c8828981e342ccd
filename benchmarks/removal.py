"""How much faster than the usual loop are people removed? Same machine, same weights, same clip, one run, interleaved.

`python -m benchmarks.removal` measures and writes `results/removal.json`: frames/s of `benchmarks.baseline`, of
`cleanplate run remove-people` at 720p with two segmenters, and of the same without its plate; how often the inpainter
is called after two seconds. On a GPU also the rates with nothing encoded. Every figure is a median of rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline
from benchmarks.removal_clip import RATE, make_clip
from benchmarks.removal_runs import Variant, plated, remove, unremembered, with_segmenter
from benchmarks.results import FOLDER, complete, save
from benchmarks.transport import Bystanders

RESULT = FOLDER / "removal.json"
FRAMES = 150
FEW = 10  # of them are enough for the usual loop
SLOW = 20  # with the model on each
ON_GPU = 8  # times as many of all
SEGMENTERS = ("yolov5s-seg", "yolo11n-seg")
SCENES = {"one": 1, "four": 4}  # people in the clip

Told = Callable[[str], None]
Rounds = dict[str, list[float]]


@dataclass(frozen=True)
class Goal:
    """What is asked of a figure: at least so much, or at most."""

    name: str
    says: str
    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether the figure is as asked."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def asked(self) -> str:
        """In words."""
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


GOALS = (
    Goal("times_usual", "frames/s by those of the usual loop (720p, encoding on)", least=40),
    Goal("yolov5s-seg", "frames/s with yolov5s-seg", least=15),
    Goal("yolo11n-seg", "frames/s with yolo11n-seg", least=25),
    Goal("times_every_frame", "frames/s by those with the model on every frame", least=10),
    Goal("calls", "inpainter calls a frame after two seconds", most=0.02),
)
GPU_GOALS = (
    Goal("times_usual", "frames/s by those of the usual loop (720p, encoding on)", least=20),
    Goal("every_frame_unencoded", "frames/s with the model on every frame, nothing encoded", least=200),
    Goal("plate_unencoded", "frames/s with the plate, nothing encoded", least=400),
)


def measure(rounds: int, frames: int = FRAMES, told: Told = lambda _: None) -> dict[str, Any]:
    """All figures, by scene. Raises RunError, ModelError."""
    others = Bystanders()
    with tempfile.TemporaryDirectory() as name, baseline.lama_file() as (lama, what):
        folder = Path(name)
        gpu = _gpu()
        frames *= ON_GPU if gpu else 1
        usual = baseline.Usual(lama, device="cuda" if gpu else "cpu")
        usual.warm_up()
        scenes = {scene: _scene(scene, _Bench(folder, lama, usual, frames, gpu, told), rounds) for scene in SCENES}
    return {
        "rounds": rounds, "frames": frames, "size": "1280x720", "lama": what, "scenes": scenes,
        "gpu": gpu, "others_busy": round(others.processors(), 2),
    }  # fmt: skip


@dataclass(frozen=True)
class _Bench:
    """What all measurements of a scene share."""

    folder: Path
    lama: Path
    usual: baseline.Usual
    frames: int
    gpu: str
    told: Told


def _scene(name: str, bench: _Bench, rounds: int) -> dict[str, Any]:
    clip = bench.folder / f"{name}.mp4"
    make_clip(clip, SCENES[name], bench.frames)
    found: Rounds = {}
    for number in range(rounds):
        for what, fps in _round(clip, bench):
            bench.told(f"{name}, round {number + 1} of {rounds}: {what} {fps:.2f} frames/s")
            found.setdefault(what, []).append(fps)
    figures: dict[str, Any] = {what: round(statistics.median(rates), 3) for what, rates in found.items()}
    counted = _run(plated(bench.lama, counted=True), clip, bench)["outputs"]["counter"]
    figures |= {
        "calls": round(counted["calls"] / max(1, counted["frames"]), 4),
        "times_usual": round(figures["yolov5s-seg"] / figures["usual"], 2),
        "times_every_frame": round(figures["yolov5s-seg"] / figures["every_frame"], 2),
        "of_rounds": {what: [round(rate, 3) for rate in rates] for what, rates in found.items()},
    }
    goals = GPU_GOALS if bench.gpu else GOALS
    return {"figures": figures, "goals": {goal.name: goal.met(figures[goal.name]) for goal in goals}}


def _round(clip: Path, bench: _Bench) -> Iterator[tuple[str, float]]:
    """Each rate once. The usual loop and the model on every frame take few frames, spread over the clip or at its
    middle, where everybody is in the picture: each of their frames costs the same."""
    few, slow = (count * (ON_GPU if bench.gpu else 1) for count in (FEW, SLOW))
    every = max(1, bench.frames // few)
    yield "usual", baseline.run(bench.usual, clip, bench.folder / "usual.mp4", every=every, most=few).fps
    for name in SEGMENTERS:
        variant = with_segmenter(plated(bench.lama), name, bench.folder, clip)
        yield name, _run(variant, clip, bench)["fps"]
    middle = bench.frames / RATE / 2
    yield "every_frame", _run(unremembered(bench.lama), clip, bench, frames=slow, start=middle)["fps"]
    if bench.gpu:
        for what, variant in (("every_frame", unremembered(bench.lama)), ("plate", plated(bench.lama))):
            yield f"{what}_unencoded", _run(variant, clip, bench, output="null:")["fps"]


def _run(
    variant: Variant, clip: Path, bench: _Bench, *, output: str = "", frames: int = 0, start: float = 0.0
) -> dict[str, Any]:
    config = variant.write(bench.folder / "remove-people.yaml")
    return remove(config, clip, output or bench.folder / "clean.mp4", bench.folder, frames=frames, start=start)


def _gpu() -> str:
    """The name of the GPU that is here, if any."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, tell what is being done, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"of a clip of {RATE} frames/s")
    parser.add_argument("--json", type=Path, default=RESULT)
    wanted = parser.parse_args(arguments)
    content = complete("removal", measure(wanted.rounds, wanted.frames, lambda line: print(line, flush=True)))
    save(wanted.json, content)
    for scene, found in content["scenes"].items():
        print(scene, found["figures"], "missed:", [name for name, met in found["goals"].items() if not met])


if __name__ == "__main__":
    main()
