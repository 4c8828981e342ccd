"""Plots of a result: the rate against the workers of a stage, and the latency against the load. Needs matplotlib."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError

WIDTH, HEIGHT, DPI = 8.0, 4.6, 100  # inches of one plot: 800 pixels wide
WORDS = {"cores": "the cores", "control": "the runtime", "slots": "the slots"}
BLUE, ORANGE, RED, GREY = "#0b5394", "#e69138", "#cc0000", "#777777"

Content = Mapping[str, Any]
Draw = Callable[[Any, Content], None]


def small_multiples(count: int, across: int, width: float, row: float, beside: float) -> tuple[Any, Any]:
    """A figure and `count` axes in it, so many in a row. Its width, a row's height and what is beside the rows in
    inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = -(-count // across)
    figure = Figure(figsize=(width, row * down + beside), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, grid[:count]


def available() -> None:
    """Raises ConfigError where nothing can be drawn: better before minutes of measuring than after."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'cleanplate[bench]'") from error


def draw(content: Content, path: Path) -> None:
    """Everything that the result has to show, one plot below the other, as PNG. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plots = list(_plots(content).values())
    figure = Figure(figsize=(WIDTH, HEIGHT * max(1, len(plots))), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(max(1, len(plots)), squeeze=False)
    for axes, plot in zip(rows[:, 0], plots, strict=False):
        plot(axes, content)
    if not plots:
        rows[0, 0].set_axis_off()
        rows[0, 0].text(0.5, 0.5, content["verdict"]["said"], ha="center", va="center", wrap=True)
    figure.savefig(path, format="png", metadata={"Description": digest(content), "Software": None})


def digest(content: Content) -> str:
    """What a plot is made from: written into it, so that it can be told whether it is that of a result."""
    shown = {key: content.get(key) for key in ("config", "load", "sweep", "prediction", "stand_ins")}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _plots(content: Content) -> dict[str, Draw]:
    found: dict[str, Draw] = {}
    if content.get("sweep") or content.get("prediction"):
        found["workers"] = _workers
    if (content.get("load") or {}).get("steps"):
        found["load"] = _load
    return found


def _workers(axes: Any, content: Content) -> None:
    """Frames/s against workers: what the model says as a line, what was measured as points from worst to best."""
    sweep = content.get("sweep")
    shown = sweep or content["prediction"]
    numbers = [point["workers"] for point in shown["points"]]
    axes.plot(
        numbers, [point["predicted"] for point in shown["points"]], color=ORANGE, lw=2, label="predicted", zorder=2
    )
    if sweep:
        rates = [point["rate"] for point in sweep["points"]]
        low = [rate - min(point["rate_of_rounds"]) for rate, point in zip(rates, sweep["points"], strict=True)]
        high = [max(point["rate_of_rounds"]) - rate for rate, point in zip(rates, sweep["points"], strict=True)]
        label = f"measured (median of {sweep['rounds']}, bar: lowest to highest)" if sweep["rounds"] > 1 else "measured"
        _points(axes, numbers, rates, label, [low, high])
        for number, rate in zip(numbers, rates, strict=True):
            axes.annotate(f"{rate:.1f}", (number, rate), (8, -14), textcoords="offset points", color=BLUE)
    else:
        rounds, rate = content["whole"]["fps_of_rounds"], content["whole"]["fps"]
        _points(axes, [shown["workers"]], [rate], "measured", [[rate - min(rounds)], [max(rounds) - rate]])
    if sweep:
        _mark_limits(axes, sweep)
    axes.set_xticks(numbers)
    axes.set_xlim(numbers[0] - 0.4, numbers[-1] + 0.6)
    _finish(axes, f"{_title(content)}: rate against workers", f"workers of {shown['stage']}", "rate [frames/s]")


def _points(axes: Any, numbers: list[int], rates: list[float], label: str, bars: list[list[float]]) -> None:
    axes.errorbar(numbers, rates, yerr=bars, fmt="o", ms=7, capsize=4, color=BLUE, label=label, zorder=3)


def _mark_limits(axes: Any, sweep: Content) -> None:
    """From which number of workers on something else is the limit, where it is not from the first on."""
    first, *points = sweep["points"]
    moved = next((point for point in points if point["bottleneck"] != sweep["stage"]), None)
    if moved and first["bottleneck"] == sweep["stage"]:
        what = moved["bottleneck"] or WORDS[moved["limit"]]
        axes.axvline(moved["workers"] - 0.5, color=GREY, ls=":", lw=1)
        place = (moved["workers"] - 0.46, 0.04)
        axes.text(*place, f"from here on\nlimited by {what}", color=GREY, transform=axes.get_xaxis_transform())


def _load(axes: Any, content: Content) -> None:
    """Latency against the rate that comes in; a rate that does not hold has a cross."""
    steps = sorted(content["load"]["steps"], key=lambda step: step["rate_fps"])
    rates = [step["rate_fps"] for step in steps]
    for key, colour, style in (("p99", ORANGE, "--"), ("p50", BLUE, "-")):
        axes.plot(rates, [step["latency_ms"][key] for step in steps], style, color=colour, marker="o", ms=5, label=key)
    failed = [step for step in steps if not step["holds"]]
    if failed:
        at = [step["rate_fps"] for step in failed]
        axes.plot(
            at, [step["latency_ms"]["p50"] for step in failed], "x", ms=12, mew=2.5, color=RED, label="does not hold"
        )
    if highest := content["load"]["highest_fps"]:
        axes.axvline(highest, color=GREY, ls=":", lw=1)
        axes.text(highest, 0.03, f" holds {highest:.1f}/s", color=GREY, transform=axes.get_xaxis_transform())
    axes.set_xlim(0, max(rates) * 1.12)
    _finish(axes, f"{_title(content)}: latency under load", "rate of frames that come in [frames/s]", "in to out [ms]")


def _title(content: Content) -> str:
    names = ", ".join(content.get("stand_ins") or ())
    return str(content["config"]) + (f" (stand-ins: {names})" if names else "")


def _finish(axes: Any, title: str, across: str, up: str) -> None:
    axes.set_title(title, fontsize=13, loc="left")
    axes.set_xlabel(across, fontsize=12)
    axes.set_ylabel(up, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=11, frameon=False, loc="best")
