"""Rate-distortion curves: each clip, coded each way at several quantisers, decoded from the bytes alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.codec_clips import Clip
from benchmarks.codec_delta import Curve, quality_gained, rate_saved, worst_point
from benchmarks.codec_judge import PARTS, Judge
from benchmarks.codec_vmaf import Vmaf
from benchmarks.codec_ways import NAMES, PLAIN, WAYS, Way
from pipeline.errors import RunError
from pipeline.frame import Image

GOAL_SAVED, GOAL_WORST = -20.0, 1.0  # per cent of the bytes, at equal PSNR of the region

JUDGED = (*(f"psnr_{part}" for part in PARTS), "vmaf")

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
    }  # fmt: skip
    order = [name for name in NAMES if name in curves]
    return {**facts, "curves": {name: curves[name] for name in order}, "compared": compared(curves)}


def compared(curves: Mapping[str, Sequence[Point]]) -> dict[str, Any]:
    """By way, other than the plain one: what it saves in the region, its worst point, and what it costs elsewhere."""
    beside = {way.name: way.beside for way in WAYS}
    return {
        name: {"beside": beside[name], **dict(_against(curves[beside[name]], points))}
        for name, points in curves.items()
        if name != PLAIN and beside[name] in curves
    }


def _against(plain: Sequence[Point], other: Sequence[Point]) -> Iterator[tuple[str, Any]]:
    of = {key: (_curve(plain, key), _curve(other, key)) for key in JUDGED}
    saved, worst = rate_saved(*of["psnr_region"]), worst_point(*of["psnr_region"])
    yield "region_saved", saved.facts()
    yield "region_worst", worst.facts()
    yield "whole_saved", rate_saved(*of["psnr_whole"]).facts()
    for key, pair in of.items():
        yield f"{key}_gained", quality_gained(*pair).facts()
    if saved.value is not None and worst.value is not None:
        yield "goal", {"saved": saved.value <= GOAL_SAVED, "worst": worst.value <= GOAL_WORST}


def _curve(points: Sequence[Point], key: str) -> Curve:
    return Curve.of([(point["bpp"], point[key]) for point in points])


def overall(clips: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """By way, over the clips that could be compared: the mean saved in the region, the worst point of all, and in how
    many of them both goals are met."""
    names = dict.fromkeys(name for clip in clips.values() for name in clip["compared"])
    return {
        name: _over([clip["compared"][name] for clip in clips.values() if name in clip["compared"]]) for name in names
    }


def _over(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def values(key: str) -> list[float]:
        return [one[key]["value"] for one in found if one[key]["value"] is not None]

    def mean(key: str) -> float | None:
        return round(float(np.mean(values(key))), 2) if values(key) else None

    return {
        "clips": len(found),
        "compared": len(values("region_saved")),
        "met": sum(all(one["goal"].values()) for one in found if "goal" in one),
        "region_saved": mean("region_saved"),
        "region_worst": max(values("region_worst"), default=None),
        **{f"{key}_gained": mean(f"{key}_gained") for key in JUDGED},
    }
