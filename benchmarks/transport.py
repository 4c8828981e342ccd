"""What does the transport cost? All its figures in one run, interleaved: medians of rounds.

The real runtime with stages that do nothing or sleep, and other ways that carry the same frames beside it. Of the hop:
`hop_per_memcpy`, from one stage's done to the next one's start at 1280x720, in memcpys of that frame (`_in_cache`: of
one that lies in the cache); `hop_1080p_per_240p`; `peers_per_memcpy`; `sizes` and `peers_us` in microseconds.
Every other figure is described by the module that asks for it, one question each: `throughput`, `copying`, `overlap`,
`scaling`, `devices`, `overload`. `gpu`: what `benchmarks.gpu` found, or why nothing. `goals`: {name: {value, goal,
met}} for all that something was asked of. `others_busy`: processors that other programs took meanwhile; 0 where it is
quiet.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks import copying, devices, gpu, overlap, overload, scaling, throughput, transport_ways
from benchmarks.goals import judged
from benchmarks.results import of_run
from pipeline.config import load_config

SIZES = {"320x240": (320, 240), "1280x720": (1280, 720), "1920x1080": (1920, 1080)}
MIDDLE = (1280, 720)  # at which the peers are asked

Figures = dict[str, float]


def ring(width: int, height: int, count: int) -> Figures:
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


def questions(hop_us: float) -> Figures:
    """Everything but the hop, once; `hop_us` is that of the smallest frame. Raises RunFailed, RunError."""
    return {
        **throughput.measure(),
        **copying.measure(),
        **overlap.measure(),
        **scaling.measure(),
        **devices.measure(),
        **overload.measure(hop_us),
    }


def measure(rounds: int, count: int) -> dict[str, Any]:
    """All questions, sizes and peers, `rounds` times; `count`: frames of each hop's run. Raises RunFailed, RunError."""
    found = [_round(count) for _ in range(rounds)]
    figures = {name: _medians([one[name] for one in found]) for name in found[0]}
    flat = {**figures.pop("hop"), **figures.pop("asked")}
    on_gpu = gpu.measure(rounds)
    return {
        **flat,
        "peers_per_memcpy": figures.pop("peers_per_memcpy"),
        "goals": judged({**flat, **on_gpu}),
        "gpu": on_gpu,
        "peers_us": figures.pop("peers_us"),
        "sizes": figures,
        "rounds": rounds,
        "frames": count,
    }


def _round(count: int) -> dict[str, Figures]:
    """Everything once: what is put into relation was measured within seconds."""
    busy = Bystanders()
    sizes = {name: ring(width, height, count) for name, (width, height) in SIZES.items()}
    others = _peers(max(20, count // 8))
    small, middle, large = sizes.values()
    return {
        "hop": {
            "hop_per_memcpy": middle["hop_us"] / middle["memcpy_us"],
            "hop_per_memcpy_in_cache": middle["hop_us"] / middle["memcpy_in_cache_us"],
            "hop_1080p_per_240p": large["hop_us"] / small["hop_us"],
        },
        "peers_per_memcpy": {way: found / middle["memcpy_us"] for way, found in others.items()},
        "peers_us": others,
        **sizes,
        "asked": questions(small["hop_us"]) | {"others_busy": busy.processors()},
    }


class Bystanders:
    """How much of the machine others have taken since this was made."""

    def __init__(self) -> None:
        self._begun = (*_busy_seconds(), time.monotonic())

    def processors(self) -> float:
        """Processors that were busy on the mean, but for those of this process and of its children that have ended."""
        (all_before, own_before, since), (everybody, own) = self._begun, _busy_seconds()
        return max(0.0, (everybody - all_before - (own - own_before)) / (time.monotonic() - since))


def _busy_seconds() -> tuple[float, float]:
    machine, own = psutil.cpu_times(), os.times()
    return sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice, sum(own[:4])


def _medians(rounds: list[Figures]) -> Figures:
    return {key: round(statistics.median(found[key] for found in rounds), 4) for key in rounds[0]}


def _peers(count: int) -> Figures:
    return {
        "multiprocessing.Queue": transport_ways.queue(*MIDDLE, count),
        "multiprocessing.Pipe": transport_ways.pipe(*MIDDLE, count),
        "ZeroMQ bytes": transport_ways.zeromq(*MIDDLE, count, copy=True),
        "ZeroMQ bytes, copy=False": transport_ways.zeromq(*MIDDLE, count, copy=False),
    }
