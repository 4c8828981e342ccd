"""Behind `cleanplate doctor --measure`: how long each engine takes for the networks, in a process as workers are.

`python -m pipeline.cli.timing` prints it as JSON; `measure` asks for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.environment import worker_environment
from pipeline.errors import CleanplateError

LIMIT_S = 60.0  # after which nothing further is begun
KILLED_S = 240.0  # on a machine so busy that what was begun does not end
ENOUGH_S, ENOUGH = 3.0, 10  # seconds, or runs, for one row
Loaded = Callable[[], tuple[Any, str]]  # a network and its key, as `models.engines.load_engine` takes them


@dataclass(frozen=True)
class Row:
    """`ms` for one canvas, the median; None, and why in `note`, where there is none. `taken`: what `auto` takes."""

    model: str
    engine: str
    precision: str
    ms: float | None
    taken: bool = False
    note: str = ""


def measure() -> list[Row]:
    """Every engine with every network that is here. Raises CleanplateError where that crashed or hung."""
    command = [sys.executable, "-P", "-m", "pipeline.cli.timing"]
    environment = worker_environment(len(os.sched_getaffinity(0)))
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=KILLED_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CleanplateError(f"the engines were not measured within {KILLED_S:.0f} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CleanplateError(f"the engines could not be measured: {last}")
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def table(rows: list[Row]) -> list[str]:
    """Lines to print: the fastest of each model first, what `auto` takes with a star."""
    lines = []
    for row in sorted(rows, key=lambda row: (row.model, row.ms is None, row.ms or 0)):
        ran = f"{row.ms:8.1f} ms" if row.ms is not None else f"{'-':>8}   "
        star = "*" if row.taken else " "
        lines.append(f"{row.model:<22} {row.engine:<12} {row.precision:<9} {ran} {star} {row.note}")
    return [line.rstrip() for line in lines]


def timed(model: str, load: Loaded, canvas: tuple[int, ...], until: float) -> Iterator[Row]:
    """A row for each engine and number format, as far as time allows; `until` by `time.monotonic`."""
    import numpy as np
    import torch

    from models.base import ModelError
    from models.engines import ADAPTERS, FASTEST_FIRST, load_engine

    names = ("torch",) if torch.cuda.is_available() else tuple(sorted(ADAPTERS, key=FASTEST_FIRST.index))
    pixels = np.random.default_rng(0).integers(0, 256, canvas, np.uint8)
    auto: tuple[str, str] | None = None
    forms = [(name, form) for form in ("bfloat16", "float32") for name in names]
    for name, precision in [("auto", "auto"), *(each for each in forms if each != ("onnxruntime", "bfloat16"))]:
        if time.monotonic() > until:
            yield Row(model, name, precision, None, note="not measured: no time left")
            continue
        try:
            network, key = load()
            engine = load_engine(network, engine=_as(name), precision=_as(precision), key=key)
            if auto is None:
                auto = engine.name, engine.precision
            elif (engine.name, engine.precision) == auto:
                continue
            yield Row(model, engine.name, engine.precision, _median_ms(engine, pixels), name == "auto", engine.note)
        except ModelError as error:
            yield Row(model, name, precision, None, note=str(error))


def _as(word: str) -> Any:
    return word


def _median_ms(engine: Any, canvas: Any) -> float:
    engine(canvas)
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < ENOUGH and (not times or time.perf_counter() - begun < ENOUGH_S):
        started = time.perf_counter()
        for output in engine(canvas):
            output.cpu()  # of a GPU: waits until it is done
        times.append(time.perf_counter() - started)
    return round(1000 * sorted(times)[len(times) // 2], 2)


def _lama() -> tuple[Any, str]:
    """Random weights take the same time."""
    import torch

    from models.lama_folded import Folded
    from models.lama_network import Generator

    torch.manual_seed(0)
    return Folded(Generator().eval()), "measured-big-lama"


def _yolo() -> tuple[Any, str]:
    """By the key by which runs know it: where one was here before, it is converted already."""
    from models import weights
    from models.yolo import read_family

    path = weights.locate("yolov5s-seg")
    family = read_family(path)
    return family.network, f"{family.kind}-{weights.sha256(path)}"


NETWORKS: dict[str, tuple[Loaded, tuple[int, ...]]] = {
    "yolov5s-seg 384x640": (_yolo, (384, 640, 3)),
    "big-lama 256x256": (_lama, (256, 256, 4)),
}


def main() -> None:
    """Print the rows of all networks as JSON."""
    rows: list[Row] = []
    begun = time.monotonic()
    for done, (model, (load, canvas)) in enumerate(NETWORKS.items(), 1):
        rows += timed(model, load, canvas, begun + LIMIT_S * done / len(NETWORKS))
    print(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
