"""How long does each stage of a pipeline take for a frame, when nothing else runs?

One process, one frame after the other: each step has all cores to itself, and no frame waits. What the stages take
side by side, and what comes out in the end, is the question of `benchmarks.whole`.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from pipeline.config import Plan
from pipeline.errors import RunError
from pipeline.frame import Frame, FrameSpec
from pipeline.inline import Inline
from pipeline.stage import Source

ROUNDS = 5  # parts that the time is cut into, to see how much the figures vary
WARM = 10  # frames that are not counted: caches fill, the plate learns


def measure(plan: Plan, frames: int) -> dict[str, Any]:
    """Service times of all stages over `frames` frames of the plan's own input, after WARM more. Raises RunError."""
    source = type(plan.stages[0].stage).model_validate(dict(plan.stages[0].options))
    assert isinstance(source, Source)
    spec = source.open()
    times: dict[str, list[float]] = {built.name: [] for built in plan.stages}
    cpu: dict[str, list[float]] = {built.name: [] for built in plan.stages}
    with Inline.whole(plan, spec) as steps:
        for _ in itertools.islice(_fetch(source, spec, times[plan.stages[0].name]), WARM + frames):
            frame = source.frame
            before = time.process_time()
            for name, seconds in steps.timed(frame.image, pts=frame.pts, duration=frame.duration):
                times[name].append(seconds)
                cpu[name].append(time.process_time() - before)
                before = time.process_time()
        models, devices = steps.facts(), _devices(steps)
    source.close()
    counted = {name: found[WARM:] for name, found in times.items()}
    if not all(counted.values()):
        raise RunError(
            f"{spec.source}: {len(times[plan.stages[0].name])} frames are too few, {WARM} are for warming up"
        )
    return {
        "frames": min(map(len, counted.values())),
        "size": f"{spec.width}x{spec.height}",
        "stages": {name: summary(found) | _cpu(cpu[name][WARM:]) for name, found in counted.items()},
        "models": models,
        "devices": devices,
    }


def _devices(steps: Inline) -> dict[str, str]:
    """By stage, the device that its models run on, where that is not the processor."""
    return {
        step.name: facts["device"]
        for step in steps._steps
        for facts in step.stage.context.models
        if facts.get("device", "cpu") != "cpu"
    }


def _cpu(seconds: list[float]) -> dict[str, float]:
    """CPU of all threads for a frame, in ms; the mean, because a clock that counts threads may tick coarsely."""
    return {"cpu_ms": round(1000 * float(np.mean(seconds)), 3)} if seconds else {}


def _fetch(source: Source, spec: FrameSpec, times: list[float]) -> Any:
    """The frames of the source, and how long each took to come."""
    source._frame = Frame({"image": np.zeros((spec.height, spec.width, 3), np.uint8)})
    row = source.frames()
    while True:
        begun = time.perf_counter()
        try:
            next(row)
        except StopIteration:
            return
        times.append(time.perf_counter() - begun)
        yield


def summary(seconds: list[float]) -> dict[str, Any]:
    """Frames/s at the median; the median, 95th and 99th percentile in ms; and the median of each part of the time."""
    p50, p95, p99 = (1000 * float(np.percentile(seconds, p)) for p in (50, 95, 99))
    parts = [1000 * float(np.median(part)) for part in np.array_split(seconds, ROUNDS) if len(part)]
    return {
        "fps": round(1000 / p50, 1),
        "p50_ms": round(p50, 3),
        "p95_ms": round(p95, 3),
        "p99_ms": round(p99, 3),
        "fps_of_rounds": [round(1000 / part, 1) for part in parts],
        "p50_ms_of_rounds": [round(part, 3) for part in parts],
    }
