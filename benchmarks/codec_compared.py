"""Curves compared: what each way saves beside the plain encoder, what it costs elsewhere, and whether goals are met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.codec_delta import Curve, quality_gained, rate_saved, value_at, worst_point
from benchmarks.codec_judge import PARTS
from benchmarks.codec_ways import NAMES, NEURAL, PLAIN, WAYS

GOAL_SAVED, GOAL_WORST = -20.0, 1.0  # per cent of the bytes, at equal PSNR of the region
JUDGED = (*(f"psnr_{part}" for part in PARTS), "vmaf")
RATIO = 0.10  # bits per pixel, at which the original claims to be

Point = Mapping[str, Any]


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


def at_ratio(curves: Mapping[str, Sequence[Point]]) -> dict[str, dict[str, float | None]]:
    """By way, what it gives at RATIO bits per pixel; at `bpp`, where its finest point takes fewer."""
    return {way: dict(_at_ratio(points)) for way, points in curves.items()}


def _at_ratio(points: Sequence[Point]) -> Iterator[tuple[str, float | None]]:
    yield "bpp", min(RATIO, max(point["bpp"] for point in points))
    for key in JUDGED:
        value = value_at(_curve(points, key), RATIO)
        yield key, None if value is None else round(value, 2)


def overall(clips: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """By way, over the clips that could be compared: the mean saved in the region, the worst point of all, and in how
    many of them both goals are met. Clips that the neural coder has learned from do not count for it."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for clip in clips.values():
        for name, one in clip["compared"].items():
            if not (name == NEURAL and clip.get("learned")):
                found.setdefault(name, []).append(one)
    return {name: _over(found[name]) for name in NAMES if name in found}


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
