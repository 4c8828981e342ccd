"""How long does a frame take from one stage's done to the next one's start, in memcpys of that frame?

`python -m benchmarks.transport [--rounds 5]` runs the real runtime with stages that do nothing, sizes interleaved, and
a multiprocessing.Queue that carries the same frames beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.config import load_config
from pipeline.report import machine, write_atomically
from pipeline.run import run_plan

SIZES = {"320x240": (320, 240), "1280x720": (1280, 720), "1920x1080": (1920, 1080)}
PACE_S = 0.03  # between the frames of the queue: it must have time to empty, or its backlog would be measured
RESULTS = Path(__file__).parent / "results"


def ring(width: int, height: int, count: int) -> dict[str, float]:
    """One run of the runtime; microseconds."""
    config = {
        "name": "transport",
        "slots": 6,
        "stages": [
            {
                "name": "ingest",
                "uses": "benchmarks.probes:Paced",
                "with": {"width": width, "height": height, "count": count},
            },
            {"name": "stamp", "uses": "benchmarks.probes:Stamp"},
            {"name": "output", "uses": "benchmarks.probes:Clock"},
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transport.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        result = run_plan(load_config(str(path)))
    assert result.code == 0, result.error
    facts: dict[str, float] = result.report["output"]
    facts["control_ms_per_frame"] = result.report["runtime"]["control_ms_per_frame"]
    return facts


def _receive(frames: Any, answers: Any, count: int) -> None:
    late = []
    for _ in range(count):
        stamp, _picture = frames.get()
        late.append((time.monotonic_ns() - stamp) / 1e3)
    answers.put(statistics.median(late[count // 10 :]))


def queue(width: int, height: int, count: int) -> float:
    """The same hand-over through a multiprocessing.Queue: microseconds."""
    spawn = multiprocessing.get_context("spawn")
    frames, answers = spawn.Queue(4), spawn.Queue()
    child = spawn.Process(target=_receive, args=(frames, answers, count))
    child.start()
    picture = np.zeros((height, width, 3), np.uint8)
    for _ in range(count):
        frames.put((time.monotonic_ns(), picture))
        time.sleep(PACE_S)
    median: float = answers.get(timeout=60)
    child.join()
    return median


def measure(rounds: int, count: int) -> dict[str, Any]:
    """All sizes, interleaved, `rounds` times; medians."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIZES}
    for _ in range(rounds):
        for name, (width, height) in SIZES.items():
            runs[name].append(ring(width, height, count))
    sizes = {
        name: {key: round(statistics.median(run[key] for run in found), 4) for key in found[0]}
        for name, found in runs.items()
    }
    copy = sizes["1280x720"]["memcpy_us"]
    peer = queue(*SIZES["1280x720"], count // 4)
    return {
        "hop_per_memcpy": round(sizes["1280x720"]["hop_us"] / copy, 3),
        "hop_per_memcpy_in_cache": round(sizes["1280x720"]["hop_us"] / sizes["1280x720"]["memcpy_in_cache_us"], 3),
        "hop_1080p_per_240p": round(sizes["1920x1080"]["hop_us"] / sizes["320x240"]["hop_us"], 3),
        "queue_per_memcpy": round(peer / copy, 1),
        "sizes": sizes,
        "queue_720p_us": round(peer, 1),
        "rounds": rounds,
        "frames": count,
        "machine": machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=400)
    options = parser.parse_args()
    content = measure(options.rounds, options.frames)
    RESULTS.mkdir(exist_ok=True)
    write_atomically(RESULTS / "transport.json", content)
    print(json.dumps({key: value for key, value in content.items() if key != "machine"}, indent=1))


if __name__ == "__main__":
    main()
