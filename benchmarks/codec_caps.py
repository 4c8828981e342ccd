"""How soon the stage `codec` keeps to a cap that steps, and what it takes to keep the region's PSNR at a floor."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.codec_clips import Clip, Shelf
from benchmarks.codec_given import there_and_back
from pipeline.config import load_config
from pipeline.frame import FrameSpec
from pipeline.inline import Inline
from pipeline.stage import Sink
from pipeline.tuning import tune
from stages.codec.packet import Packet
from stages.codec.readings import Readings

CLIP, FRAMES, RATE = "pan_stream_walk", 90, 25.0
STEPS_KBPS, SECONDS = (800, 300, 600), 8  # a phase each
WITHIN, SPAN_S = 0.10, 2.0  # of the cap, over so many seconds: it has settled
GOAL_S = 2.0
FLOORS_DB = (30.0, 34.0)
TRIES = 6  # that halve the range of fixed quantisers

Told = Callable[[str], None]


@dataclass(frozen=True)
class Picture:
    """What came of one: its bytes, and PSNR, dB."""

    size: int
    region: float
    background: float


class Coder:
    """The stage, fed picture by picture."""

    def __init__(self, clip: Clip, steps: Inline, options: Mapping[str, Any]) -> None:
        self._clip, self._steps, self._options = clip, steps, dict(options)
        self._count = 0

    def set(self, **values: Any) -> None:
        """Live fields, between two pictures."""
        self._options |= values
        tune(self._steps._steps[-1].stage, self._options, values)

    def run(self, count: int) -> list[Picture]:
        """So many pictures of the clip, forth and back."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Picture:
        frame = self._steps.process(self._clip.images[there_and_back(self._count, len(self._clip.images))])
        self._count += 1
        packet, found = Packet.of(frame.planes["coded"]), Readings.of(frame.planes["readings"])
        assert packet is not None
        return Picture(len(packet.data), found.region_psnr, found.background_psnr)


@contextmanager
def coder(clip: Clip, **options: Any) -> Iterator[Coder]:
    """The stage with these fields, and the clip's own masks. Raises ConfigError, SetupError."""
    width, height = clip.size
    with tempfile.TemporaryDirectory() as name:
        masks, config = Path(name) / "masks.npy", Path(name) / "caps.yaml"
        np.save(masks, np.stack(list(clip.masks)))
        chosen = {"log": None, "report_every": 0, **options}
        stages = [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "given", "uses": "benchmarks.codec_given:Given", "with": {"file": str(masks)}},
            {"name": "codec", "uses": "stages.codec:Codec", "with": chosen},
            {"name": "output", "uses": "stages.output:Auto"},
        ]
        config.write_text(yaml.safe_dump({"name": "caps", "stages": stages}))
        plan = load_config(str(config), given="pictures", wanted="null:")
        kept = [built for built in plan.stages if not isinstance(built.stage, Sink)]
        with Inline(kept, FrameSpec(width=width, height=height, rate=Fraction(RATE))) as steps:
            yield Coder(clip, steps, chosen)


def measure(shelf: Shelf, told: Told) -> dict[str, Any]:
    """A cap that steps, and floors. Raises ConfigError where the clip is not there."""
    clip = shelf[CLIP](FRAMES)
    kept = list(_caps(clip, told))
    floors = [_floor(clip, floor) for floor in FLOORS_DB]
    for one in floors:
        told(f"floor {one['floor']} dB: {one['kbps']} kbit/s, worst {one['worst_region']}")
    return {
        "clip": CLIP, "rate": RATE, "steps": STEPS_KBPS, "seconds": SECONDS, "within": WITHIN, "span_s": SPAN_S,
        "goal_s": GOAL_S, "kept": kept, "floors": floors,
    }  # fmt: skip


def _caps(clip: Clip, told: Told) -> Iterator[dict[str, Any]]:
    with coder(clip, bitrate=f"{STEPS_KBPS[0]}k") as stage:
        for cap in STEPS_KBPS:
            stage.set(bitrate=f"{cap}k")
            pictures = stage.run(round(SECONDS * RATE))
            sizes = [one.size for one in pictures]
            after = settled(sizes, RATE, cap)
            late = over(sizes, RATE, 1)[round(GOAL_S * RATE) :]
            told(f"cap {cap} kbit/s: settled after {after} s")
            yield {
                "cap": cap,
                "settled_s": after,
                "mean_kbps": round(8 * sum(sizes) * RATE / len(sizes) / 1000, 1),
                "highest": round(max(late) / cap, 3),
                "psnr_region": _mean([one.region for one in pictures]),
                "psnr_background": _mean([one.background for one in pictures]),
                "met": after is not None and after <= GOAL_S,
            }


def over(sizes: Sequence[int], rate: float, seconds: float) -> list[float]:
    """kbit/s over so many seconds, from each picture on for which that many are left."""
    span = round(seconds * rate)
    starts = range(len(sizes) - span + 1)
    return [8 * rate / span * sum(sizes[start : start + span]) / 1000 for start in starts]


def settled(sizes: Sequence[int], rate: float, cap: float) -> float | None:
    """Seconds after which any SPAN_S seconds' bytes keep WITHIN of the cap, kbit/s; None: never."""
    kept = [abs(found / cap - 1) <= WITHIN for found in over(sizes, rate, SPAN_S)]
    if not kept or not kept[-1]:
        return None
    bad = [index for index, good in enumerate(kept) if not good]
    return round((bad[-1] + 1 if bad else 0) / rate, 3)


def _floor(clip: Clip, floor: float) -> dict[str, Any]:
    count = round(SECONDS * RATE)
    with coder(clip, floor=floor) as stage:
        stage.run(count)  # finds its way first
        kept = stage.run(count)
    return {
        "floor": floor, "psnr_region": _mean([one.region for one in kept]), "worst_region": _worst(kept),
        "kbps": _kbps(kept), "fixed_kbps": _fixed(clip, _worst(kept), count),
    }  # fmt: skip


def _fixed(clip: Clip, worst: float, count: int) -> float:
    """kbit/s of one quantiser for all pictures, at which the region is nowhere worse than that; between those that were
    tried, the logarithm of the rate goes with the PSNR."""
    low, high = 0.0, 51.0
    found: list[tuple[float, float]] = []
    for _ in range(TRIES):
        middle = (low + high) / 2
        with coder(clip, quantiser=middle) as stage:
            pictures = stage.run(count)
        found.append((_worst(pictures), math.log(_kbps(pictures))))
        low, high = (middle, high) if found[-1][0] >= worst else (low, middle)
    decibels, logarithms = zip(*sorted(found), strict=True)
    return round(math.exp(float(np.interp(worst, decibels, logarithms))), 1)


def _kbps(pictures: Sequence[Picture]) -> float:
    return round(8 * RATE * sum(one.size for one in pictures) / len(pictures) / 1000, 1)


def _worst(pictures: Sequence[Picture]) -> float:
    return round(min(one.region for one in pictures if not math.isnan(one.region)), 2)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.nanmean(values)), 2)
