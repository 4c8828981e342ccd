"""The plot of what stands side by side: rate, CPU and memory of each, task by task. Needs matplotlib."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.plots import BLUE, GREY, small_multiples

FIGURES = {"steady_fps": "frames/s at it", "cpu_ms_per_frame": "CPU, ms a frame", "peak_mb": "memory, MB"}
TASKS = ("copy", "remove", "faces")
WIDTH, ROW, BESIDE = 13.0, 2.6, 0.3  # inches

Content = Mapping[str, Any]


def draw(path: Path, content: Content) -> None:
    """A row of bars for each task, ours in blue, as PNG. Raises OSError."""
    shown = [name for name in TASKS if name in content["tasks"]]
    figure, grid = small_multiples(len(shown) * len(FIGURES), len(FIGURES), WIDTH, ROW, BESIDE)
    cells = ((name, key) for name in shown for key in FIGURES)
    for axes, (name, key) in zip(grid, cells, strict=True):
        _bars(axes, name, content["tasks"][name]["peers"], key)
    figure.savefig(path, format="png", metadata={"Description": digest(content), "Software": None})


def digest(content: Content) -> str:
    """What it is made from: written into it, so that it can be told whether it shows these very results."""
    shown = {
        name: {who: [one[key] for key in FIGURES] for who, one in content["tasks"][name]["peers"].items()}
        for name in TASKS
        if name in content["tasks"]
    }
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _bars(axes: Any, name: str, peers: Content, key: str) -> None:
    names, values = list(peers), [one[key] for one in peers.values()]
    bars = axes.barh(names, values, color=[BLUE if one["ours"] else GREY for one in peers.values()], height=0.7)
    axes.bar_label(
        bars, [f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in values], padding=3, fontsize=9
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * max(values))
    axes.set_title(f"{name}: {FIGURES[key]}", fontsize=11, loc="left")
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
