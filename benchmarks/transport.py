"""How long does a frame take from one stage's done to the next one's start, in memcpys of that frame?

The real runtime with stages that do nothing, sizes interleaved, and other ways that carry the same frames beside it.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks import peers
from benchmarks.results import of_run
from pipeline.config import load_config

SIZES = {"320x240": (320, 240), "1280x720": (1280, 720), "1920x1080": (1920, 1080)}
MIDDLE = "1280x720"  # the size at which the peers are asked


def ring(width: int, height: int, count: int) -> dict[str, float]:
    """One run of the runtime; microseconds. Raises RunFailed."""
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
        report = of_run(load_config(str(path), environment={}))  # variables are for pipelines of the user
    return {**report["output"], "control_ms_per_frame": report["runtime"]["control_ms_per_frame"]}


def measure(rounds: int, count: int) -> dict[str, Any]:
    """All sizes and peers, interleaved, `rounds` times with `count` frames each; medians. Raises RunFailed."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIZES}
    others: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (width, height) in SIZES.items():
            runs[name].append(ring(width, height, count))
        for name, microseconds in _peers(max(20, count // 8)).items():
            others.setdefault(name, []).append(microseconds)
    sizes = {
        name: {key: round(statistics.median(run[key] for run in found), 4) for key in found[0]}
        for name, found in runs.items()
    }
    middle = sizes[MIDDLE]
    return {
        "hop_per_memcpy": round(middle["hop_us"] / middle["memcpy_us"], 3),
        "hop_per_memcpy_in_cache": round(middle["hop_us"] / middle["memcpy_in_cache_us"], 3),
        "hop_1080p_per_240p": round(sizes["1920x1080"]["hop_us"] / sizes["320x240"]["hop_us"], 3),
        "peers_per_memcpy": {
            name: round(statistics.median(found) / middle["memcpy_us"], 2) for name, found in others.items()
        },
        "sizes": sizes,
        "peers_us": {name: round(statistics.median(found), 1) for name, found in others.items()},
        "rounds": rounds,
        "frames": count,
    }


def _peers(count: int) -> dict[str, float]:
    size = SIZES[MIDDLE]
    return {
        "multiprocessing.Queue": peers.queue(*size, count),
        "multiprocessing.Pipe": peers.pipe(*size, count),
        "ZeroMQ bytes": peers.zeromq(*size, count, copy=True),
        "ZeroMQ bytes, copy=False": peers.zeromq(*size, count, copy=False),
    }
