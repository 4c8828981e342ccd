"""How fast semantic coding is at 640x360: `cleanplate run semantic-codec` as a whole, and what each part takes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import stages
from benchmarks.codec_clips import Clip
from benchmarks.codec_clips import decoded as pictures
from benchmarks.codec_ways import named
from benchmarks.removal_clip import make_clip
from benchmarks.removal_runs import remove
from benchmarks.transport import Bystanders
from models.coding import Quantiser
from pipeline.config import load_config
from stages.codec import readings
from stages.codec.regions import Regions

CONFIG, SIZE, FRAMES, PEOPLE = "semantic-codec", (640, 360), 150, 2
GOAL_FPS = 15.0
FEW = 40  # frames on which parts are timed
QUANTISER = Quantiser(30, 42)
CODERS = {"roi": ("codec.coder=roi",), "roi, H.265": ("codec.coder=roi", "codec.codec=h265"),
          "neural": ("codec.coder=neural",)}  # fmt: skip
PARTS = {"roi": "roi-12", "roi, H.265": "roi-12-h265", "neural": "neural"}

Told = Callable[[str], None]


def measure(rounds: int, told: Told) -> dict[str, Any]:
    """Medians of the rounds, coders in turn. Raises RunError."""
    others = Bystanders()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn = make_clip(folder / "clip.mp4", PEOPLE, FRAMES, SIZE)
        found: dict[str, list[float]] = {coder: [] for coder in CODERS}
        for number in range(rounds):
            for coder, sets in CODERS.items():
                found[coder].append(_run(folder, sets))
                told(f"round {number + 1} of {rounds}: {coder} {found[coder][-1]:.1f} frames/s")
        clip = Clip(
            "drawn", "", 25.0, list(islice(pictures(folder / "clip.mp4"), FEW)), [drawn.mask(at) for at in range(FEW)]
        )
        parts = {coder: {**_stages(folder, sets), **_inside(clip, PARTS[coder])} for coder, sets in CODERS.items()}
    return {
        "rounds": rounds, "frames": FRAMES, "size": f"{SIZE[0]}x{SIZE[1]}", "goal_fps": GOAL_FPS,
        "others_busy": round(others.processors(), 2),
        "runs": {coder: _figures(coder, rates) for coder, rates in found.items()}, "parts": parts,
    }  # fmt: skip


def _run(folder: Path, sets: Sequence[str]) -> float:
    quiet = (f"codec.log={folder}", "codec.report_every=0")
    return float(remove(CONFIG, folder / "clip.mp4", folder / "out.mp4", folder, sets=(*sets, *quiet))["fps"])


def _figures(coder: str, rates: Sequence[float]) -> dict[str, Any]:
    fps = statistics.median(rates)
    goal = {"met": fps >= GOAL_FPS} if coder == "roi" else {}
    return {"fps": round(fps, 2), "fps_of_rounds": [round(rate, 2) for rate in rates], **goal}


def _stages(folder: Path, sets: Sequence[str]) -> dict[str, float]:
    """Median ms of each stage, by itself."""
    quiet = ("codec.log=null", "codec.report_every=0")
    plan = load_config(CONFIG, sets=[*sets, *quiet], given=str(folder / "clip.mp4"), wanted=str(folder / "alone.mp4"))
    return {f"stage {name}": one["p50_ms"] for name, one in stages.measure(plan, FEW)["stages"].items()}


def _inside(clip: Clip, way: str) -> dict[str, float]:
    """Median ms of what the codec's stage does; finding the regions of the mask is a part of encoding."""
    encoder, decoder = named(way).encoder(clip), named(way).decoder(clip)
    regions = Regions(*clip.size)
    taken: dict[str, list[float]] = {}
    for image, mask in zip(clip.images, clip.masks, strict=True):
        with _timed(taken, "regions"):
            regions.of(mask)
        with _timed(taken, "encode, regions and all"):
            data = encoder.encode(image, mask, QUANTISER).data
        with _timed(taken, "decode"):
            decoded = decoder.decode(data)
        with _timed(taken, "PSNR"):
            readings.psnr(image, decoded, mask)
        with _timed(taken, "SSIM"):
            readings.ssim(image, decoded, mask)
    encoder.close()
    decoder.close()
    return {name: round(1000 * statistics.median(seconds), 2) for name, seconds in taken.items()}


@contextmanager
def _timed(taken: dict[str, list[float]], name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    taken.setdefault(name, []).append(time.perf_counter() - begun)
