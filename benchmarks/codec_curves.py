"""Rate-distortion curves: each clip, coded each way at several quantisers, decoded from the bytes alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.codec_clips import LEARNED, Clip
from benchmarks.codec_compared import at_ratio, compared
from benchmarks.codec_judge import Judge
from benchmarks.codec_vmaf import Vmaf
from benchmarks.codec_ways import NAMES, NEURAL, Way, simulated
from pipeline.errors import RunError
from pipeline.frame import Image

Told = Callable[[str], None]
Point = dict[str, Any]


@dataclass(frozen=True)
class Coding:
    """A clip, coded: bytes of each picture, what the decoder made of them, and what both took, ms a picture."""

    sizes: Sequence[int]
    decoded: Sequence[Image]
    encode_ms: float
    decode_ms: float


def code(clip: Clip, way: Way, region: float) -> Coding:
    """Through encoder and decoder, which share nothing but the bytes. Raises CodingError, RunError."""
    encoder, decoder = way.encoder(clip), way.decoder(clip)
    quantiser = way.at(region)
    sizes, decoded, times = [], [], []
    try:
        for image, mask in zip(clip.images, clip.masks, strict=True):
            begun = time.perf_counter()
            data = encoder.encode(image, mask, quantiser).data
            between = time.perf_counter()
            decoded.append(decoder.decode(data).copy())
            times.append((between - begun, time.perf_counter() - between))
            sizes.append(len(data))
            if not data:
                raise RunError(f"{way.name}: a picture of {clip.name} gave no bytes: the encoder holds it back")
    finally:
        encoder.close()
        decoder.close()
    encode, decode = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    return Coding(sizes, decoded, encode, decode)


def point(clip: Clip, coding: Coding, vmaf: Vmaf) -> Point:
    """The figures of one point. `bpp`: bits per pixel, which is the ratio `bandwidth`; kbps at the clip's own rate."""
    width, height = clip.size
    bits = 8 * sum(coding.sizes) / len(coding.sizes)
    return {
        "bpp": round(bits / (width * height), 5),
        "kbps": round(bits * clip.rate / 1000, 1),
        "first_bytes": coding.sizes[0],
        **judged(clip, coding.decoded),
        "vmaf": round(vmaf.of(coding.decoded), 2),
        "encode_ms": round(coding.encode_ms, 2),
        "decode_ms": round(coding.decode_ms, 2),
    }


def judged(clip: Clip, decoded: Sequence[Image]) -> dict[str, float | None]:
    """`psnr_region`, `ssim_region` and so on."""
    judge = Judge()
    for image, result, mask in zip(clip.images, decoded, clip.masks, strict=True):
        judge.see(image, result, mask)
    return {
        f"{kind}_{part}": None if value is None else round(value, 3 if kind == "psnr" else 5)
        for part, figures in judge.figures().items()
        for kind, value in figures.items()
    }


def of_clip(clip: Clip, scratch: Path, told: Told, ways: Sequence[Way], before: Mapping[str, Any]) -> dict[str, Any]:
    """The curves of a clip, and how each compares with the plain encoder's; of the ways that are not asked for, those
    that were measured `before`."""
    vmaf = Vmaf(clip.images, clip.size, scratch)
    curves: dict[str, list[Point]] = dict(before.get("curves", {}))
    for way in ways:
        points = [{"q": q, **point(clip, code(clip, way, q), vmaf)} for q in way.quantisers]
        curves[way.name] = points
        ends = ", ".join(f"{one['psnr_region']} dB at {one['bpp']}" for one in (points[-1], points[0]))
        told(f"{clip.name}, {way.name}: {ends}")
    width, height = clip.size
    facts: dict[str, Any] = {
        "says": clip.says, "frames": len(clip.images), "size": f"{width}x{height}", "rate": clip.rate,
        "masks": clip.drawn, "share": round(clip.share, 4), "open": clip.open,
        "learned": clip.name in LEARNED,
    }  # fmt: skip
    if NEURAL in (way.name for way in ways):
        shown = simulated(clip)
        facts["simulated"] = {**judged(clip, shown), "vmaf": round(vmaf.of(shown), 2)}
    elif "simulated" in before:
        facts["simulated"] = before["simulated"]
    order = [name for name in NAMES if name in curves]
    ordered = {name: curves[name] for name in order}
    return {**facts, "curves": ordered, "compared": compared(ordered), "at_ratio": at_ratio(ordered)}
