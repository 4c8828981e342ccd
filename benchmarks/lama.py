"""LaMa as it is run here beside LaMa as it is usually run: the TorchScript in float32, one crop at a time.

`python -m benchmarks.lama [--frames N] [--rounds N] [--device cuda] [--weights FILE]`. Both fill the same holes in the
same crops by turns. `times_stock`: the median of the stock form over that of ours. `p99_per_p50`: of ours over frames
whose masks change. Random weights of the true architecture will do: time does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.goals import Goal
from benchmarks.random_lama import big_lama
from benchmarks.results import FOLDER, complete, make_folder, save
from models.base import Crop, Image
from models.lama import Lama
from models.lama_script import load

SIDES = (256, 384, 512)
SIDE = 256  # of the crops whose masks change
SMALLEST = 0.55  # of those, by their side
ROUNDS, FRAMES, WARM = 5, 500, 2
GOALS = (
    Goal("times_stock", 3.0, "the time of the usual form, in times of ours"),
    Goal("p99_per_p50", 1.2, "p99 over frames with changing masks, in medians", at_least=False),
)
Fill = Callable[[Image, Image], Image]


class Stock:
    """As simple-lama runs it, but for its detour over PIL: in float32, to the device and back for every crop."""

    def __init__(self, weights: Path, device: str) -> None:
        self._device = torch.device(device)
        self._model = load(weights, self._device)

    @torch.inference_mode()
    def inpaint(self, image: Image, hole: Image) -> Image:
        pixels = torch.from_numpy(image[..., ::-1].astype(np.float32) / 255).permute(2, 0, 1)[None].to(self._device)
        mask = torch.from_numpy((hole > 0).astype(np.float32))[None, None].to(self._device)
        answer = self._model(pixels, mask)[0].permute(1, 2, 0).cpu().numpy()
        found: Image = np.clip(answer * 255, 0, 255).astype(np.uint8)[..., ::-1]
        return found


def measure(
    weights: Path, *, device: str, frames: int, rounds: int, told: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """All figures, those of several rounds as medians. Raises ModelError."""
    told("loading and warming up")
    begun = time.perf_counter()
    ours = Lama(str(weights), device=device)
    slowest = ours.warm_up()
    ready = time.perf_counter() - begun
    stock = Stock(weights, str(ours.info.device))
    sizes = {}
    for side in SIDES:
        told(f"{side}x{side}, both forms by turns")
        sizes[str(side)] = _by_turns(stock.inpaint, ours.inpaint, side, rounds)
    told(f"{frames} frames of changing masks")
    found = {
        "sizes": sizes,
        "times_stock": sizes[str(SIDE)]["times_stock"],
        **_steady(ours, frames),
        "ready_s": round(ready, 2),
        "warm_up_slowest_ms": _ms(slowest),
        "model": ours.info.facts() | {"source": weights.name},
    }
    if ours.info.device != "cpu":
        found["batch_of_4_ms_per_crop"] = _batched(ours, rounds)
    goals = {goal.name: _judged(goal, found[goal.name]) for goal in GOALS}
    return found | {"goals": goals}


def crops(count: int, side: int, *, smallest: float = 1.0, seed: int = 0) -> Iterator[Crop]:
    """Pictures with the hole that a walking person leaves; their sides between `smallest` and 1 of `side`."""
    random = np.random.default_rng(seed)
    ground = random.integers(0, 256, (24, 24, 3), np.uint8)
    ground = cv2.resize(ground, (2 * side, 2 * side), interpolation=cv2.INTER_CUBIC)
    for _ in range(count):
        height, width = (round(side * share) for share in random.uniform(smallest, 1, 2))
        y, x = random.integers(0, side, 2)
        hole = np.zeros((height, width), np.uint8)
        tall, wide = random.uniform(0.5, 0.7), random.uniform(0.15, 0.4)
        axes = round(width * wide / 2), round(height * tall / 2)
        cv2.ellipse(hole, (width // 2, height // 2), axes, random.uniform(-15, 15), 0, 360, 255, -1)
        yield np.ascontiguousarray(ground[y : y + height, x : x + width]), hole


def _by_turns(stock: Fill, ours: Fill, side: int, rounds: int) -> dict[str, Any]:
    """A busy machine slows down both alike."""
    times: dict[str, list[float]] = {"stock": [], "ours": []}
    for turn, crop in enumerate(crops(rounds + 1, side)):
        for name, fill in (("stock", stock), ("ours", ours)):
            seconds = _timed(fill, crop)
            if turn:  # the first sets itself up
                times[name].append(seconds)
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratios = [stock / ours for stock, ours in zip(times["stock"], times["ours"], strict=True)]
    return {
        "stock_ms": _ms(middle["stock"]),
        "ours_ms": _ms(middle["ours"]),
        "times_stock": round(statistics.median(ratios), 2),
        "times_stock_of_rounds": [round(ratio, 2) for ratio in ratios],
    }


def _steady(ours: Lama, frames: int) -> dict[str, Any]:
    times = [_timed(ours.inpaint, crop) for crop in crops(frames + WARM, SIDE, smallest=SMALLEST, seed=1)][WARM:]
    p50, p99 = np.percentile(times, [50, 99])
    return {"frames": frames, "p50_ms": _ms(p50), "p99_ms": _ms(p99), "p99_per_p50": round(float(p99 / p50), 3)}


def _batched(ours: Lama, rounds: int) -> float:
    """Milliseconds for each of four crops that are given together."""
    four = list(crops(4, SIDE))
    times = [_timed(lambda: list(ours.inpaint_many(four)), ()) for _ in range(rounds + 1)][1:]
    return _ms(statistics.median(times) / 4)


def _timed(work: Callable[..., object], given: Sequence[Any]) -> float:
    started = time.perf_counter()
    work(*given)
    return time.perf_counter() - started


def _judged(goal: Goal, value: float) -> dict[str, Any]:
    return {"value": value, "goal": goal.goal, "met": goal.met(value)}


def _ms(seconds: float) -> float:
    return round(1000 * float(seconds), 2)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lama", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES, help="with changing masks")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of both forms, at each size")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", type=Path, help="a LaMa file; default: random weights of the true architecture")
    parser.add_argument("--json", type=Path, help="default: benchmarks/results/lama.json, of a GPU lama-gpu.json")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        weights = asked.weights or big_lama(Path(folder))
        found = measure(weights, device=asked.device, frames=asked.frames, rounds=asked.rounds, told=print)
    place = asked.json or FOLDER / ("lama.json" if found["model"]["device"] == "cpu" else "lama-gpu.json")
    make_folder(place)
    save(place, complete("lama", found))
    for goal in GOALS:
        value = found[goal.name]
        print(f"{goal.says}: {value} ({goal.asked}: {'met' if goal.met(value) else 'missed'})")
    print(place)


if __name__ == "__main__":
    main()
