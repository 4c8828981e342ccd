"""How fast is `infill`, on every engine and in every precision that runs here, and do they agree?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.infill_goals import ALIKE, BEST, judged
from benchmarks.infill_ways import why
from benchmarks.lama import crops
from benchmarks.transport import Bystanders
from models.base import Crop, Inpainter, ModelError
from models.registry import load_inpainter

SIDE = 256  # pixels of the crops
ROUNDS, WARM = 20, 3
AGREED = 4  # crops on which all have to agree
ENGINES = {"cpu": ("openvino", "torch"), "cuda": ("torch",)}
PRECISIONS = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "bfloat16")}
PLAIN = "torch float32"  # what the others are compared with

Told = Callable[[str], None]


def measure(
    file: Path | None, device: str = "auto", *, rounds: int = ROUNDS, told: Told = lambda _: None
) -> dict[str, Any]:
    """Medians in ms by engine and precision, what they differ by from torch in float32, and the goals. By turns, so
    that a busy machine slows all of them down alike. `file`: other weights than the shipped ones. Raises ModelError."""
    others = Bystanders()
    kind = _kind(device)
    ready, absent = _ready(file, kind)
    turns: dict[str, list[float]] = {name: [] for name in ready}
    for number, crop in enumerate(crops(rounds + WARM, SIDE)):
        for name, inpainter in ready.items():
            seconds = _timed(inpainter, crop)
            if number >= WARM:
                turns[name].append(1000 * seconds)
    ways = {name: {"ms": round(statistics.median(times), 2)} | _apart(ready[name], ready[PLAIN])
            for name, times in turns.items()}  # fmt: skip
    for name, figures in ways.items():
        told(f"{name}: {figures}")
    return {
        "device": kind, "rounds": rounds, "ways": ways, "absent": absent, **summed(ways, kind),
        "others_busy": round(others.processors(), 2),
    }  # fmt: skip


def summed(ways: dict[str, dict[str, float]], kind: str) -> dict[str, Any]:
    """The fastest, by how much engines differ at most where they should not at all, and what was asked."""
    best = min(figures["ms"] for figures in ways.values())
    found: dict[str, Any] = {"best_ms": best}
    alike = [figures["most_levels"] for name, figures in ways.items() if name.endswith("float32") and name != PLAIN]
    if alike:
        found["most_levels"] = max(alike)
    return {**found, "goals": judged(found, (BEST[kind], ALIKE))}


def _ready(file: Path | None, kind: str) -> tuple[dict[str, Inpainter], dict[str, str]]:
    """What runs here, loaded, and why the rest does not. Raises ModelError where plain torch does not."""
    here: dict[str, Inpainter] = {}
    absent: dict[str, str] = {}
    for name, how in _wanted(kind):
        try:
            here[name] = load_inpainter("infill", weights_file=str(file) if file else None, **how)
        except ModelError as error:
            if name == PLAIN:
                raise
            absent[name] = why(error)
    return here, absent


def _wanted(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    for engine in ENGINES[kind]:
        for precision in PRECISIONS[kind]:
            yield f"{engine} {precision}", {"engine": engine, "precision": precision, "device": kind}


def _kind(device: str) -> str:
    from models.device import choose

    return choose(device)[0].type


def _timed(inpainter: Inpainter, crop: Crop) -> float:
    begun = time.perf_counter()
    inpainter.inpaint(*crop)
    return time.perf_counter() - begun


def _apart(one: Inpainter, other: Inpainter) -> dict[str, float]:
    """By how many levels their pictures differ in the holes: at most, and of a thousand values but one."""
    off = []
    for image, hole in crops(AGREED, SIDE, seed=2):
        ours, theirs = (inpainter.inpaint(image, hole)[hole > 0].astype(np.int16) for inpainter in (one, other))
        off.append(np.abs(ours - theirs).ravel())
    every = np.concatenate(off)
    return {"most_levels": float(every.max()), "p999_levels": float(np.percentile(every, 99.9))}
