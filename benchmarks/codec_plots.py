"""Plots of semantic coding: quality over bits per pixel, a small plot for each clip. Needs matplotlib."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.codec_compared import RATIO
from benchmarks.plots import GREY, ORANGE, RED, small_multiples

ACROSS = 4  # plots in a row
STYLES = {  # colour, line, marker, width
    "x264": ("#444444", "-", "o", 1.8),
    "x264-usual": ("#444444", ":", "x", 1.2),
    "x265": ("#999999", "-", "o", 1.4),
    "roi-6": ("#9fc5e8", "-", ".", 1.2),
    "roi-12": ("#0b5394", "-", "o", 1.8),
    "roi-18": ("#073763", "--", ".", 1.2),
    "roi-12-filtered": ("#6aa84f", "-", "s", 1.2),
    "roi-12-h265": ("#8e7cc3", "-", "s", 1.2),
    "neural": (ORANGE, "-", "D", 1.8),
}
OTHER = (RED, ":", "x", 1.0)
AXES = {
    "psnr_region": "PSNR of the region, dB",
    "psnr_background": "PSNR of the background, dB",
    "psnr_whole": "PSNR of the whole, dB",
    "vmaf": "VMAF of the whole",
}

Clips = Mapping[str, Mapping[str, Any]]


def draw(path: Path, clips: Clips, key: str) -> None:
    """A PNG: `key` of every curve of every clip. Raises OSError."""
    figure, grid = small_multiples(len(clips), ACROSS, 13, 3.0, 0.9)
    for axes, (name, clip) in zip(grid, clips.items(), strict=True):
        _clip(axes, name, clip, key)
    lines = {line.get_label(): line for axes in grid for line in axes.get_lines()}
    known = {label: line for label, line in lines.items() if not label.startswith("_")}
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=5, fontsize=10, frameon=False)
    figure.suptitle(f"{AXES[key]}, over bits per pixel", fontsize=12, x=0.01, ha="left")
    figure.savefig(path, format="png", metadata={"Description": digest(clips, key), "Software": None})


def digest(clips: Clips, key: str) -> str:
    """What a plot is made from: written into it, so that it can be told whether it shows these very results."""
    shown = {name: [_pairs(clip, key), clip.get("simulated", {}).get(key)] for name, clip in clips.items()}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _pairs(clip: Mapping[str, Any], key: str) -> dict[str, list[tuple[float, float | None]]]:
    return {way: [(point["bpp"], point[key]) for point in points] for way, points in clip["curves"].items()}


def _clip(axes: Any, name: str, clip: Mapping[str, Any], key: str) -> None:
    for way, pairs in _pairs(clip, key).items():
        colour, line, marker, width = STYLES.get(way, OTHER)
        known = sorted((rate, value) for rate, value in pairs if value is not None)
        axes.plot(*_columns(known), line, marker=marker, ms=3.5, lw=width, color=colour, label=way)
    axes.set_xscale("log")
    axes.axvline(RATIO, color=GREY, lw=0.8, ls=":", label=f"ratio {RATIO:.2f}x")
    if (value := clip.get("simulated", {}).get(key)) is not None:
        axes.axhline(value, color=RED, lw=1, ls=":", label="noise in place of bytes: none counted")
    axes.set_title(f"{name} ({100 * clip['share']:.0f} % region)", fontsize=11, loc="left")
    axes.tick_params(labelsize=9)
    _plain_ticks(axes, [rate for pairs in _pairs(clip, key).values() for rate, _ in pairs])
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [rate for rate, _ in pairs], [value for _, value in pairs]


def _plain_ticks(axes: Any, rates: Sequence[float]) -> None:
    """Bits per pixel as they are said, not as powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    places = [at for at in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if min(rates) / 1.2 <= at <= max(rates) * 1.2]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
