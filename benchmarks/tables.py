"""The tables and plots of `docs/performance.md`, made from the results; no figure there is typed by hand.

`python -m benchmarks.tables` writes the page and its plots anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.goals import GOALS
from benchmarks.results import FOLDER, load
from benchmarks.sections import pipeline, table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PLOTS = PAGE.parent / "performance"
HEAD = """# Performance

Made by `make bench` from `benchmarks/results/*.json`; nothing here is typed by hand. Every figure is that of the
machine named beside it; on another one ratios differ too, where one way gains more from its processor than another.
"""


def page() -> str:
    """The whole page, from the results that are there."""
    parts = [HEAD]
    for name, content in kept().items():
        picture = [f"\n![{content['config']}: rate and latency](performance/{name}.png)"] if is_drawn(content) else []
        parts.append("\n".join([*section(content, name), *picture, "", _machine(content), ""]))
    return "\n".join(parts)


def kept() -> dict[str, dict[str, Any]]:
    """The results that are there, by name, but for those that another page shows."""
    found = {path.stem: load(path) for path in sorted(FOLDER.glob("*.json"))}
    return {name: content for name, content in found.items() if content["question"] in MAKERS}


def section(content: dict[str, Any], name: str = "") -> Iterator[str]:
    """One result as Markdown."""
    yield from MAKERS[content["question"]](name, content)


def is_drawn(content: dict[str, Any]) -> bool:
    return bool(content["question"] == "pipeline")


def draw_all() -> None:
    """The plots, but for those that show these very results already."""
    PLOTS.mkdir(exist_ok=True)
    wanted = {PLOTS / f"{name}.png": content for name, content in kept().items() if is_drawn(content)}
    for path in set(PLOTS.glob("*.png")) - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        if not path.exists() or plots.digest(content).encode() not in path.read_bytes():
            plots.draw(content, path)


def _pipeline(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield from pipeline(content)


def _transport(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## The transport: one hop of a frame from process to process\n"
    rounds = f"median of {content['rounds']} rounds of {content['frames']} frames"
    yield f"`cleanplate bench transport`, {rounds}; 1280x720.\n"
    own = {"this ring": content["hop_per_memcpy"], **content["peers_per_memcpy"]}
    yield from table(["way", "copies of the frame (memcpy)"], [[way, f"{ratio:.2f}"] for way, ratio in own.items()])
    yield ""
    rows = [
        [size, *(f"{f[key]:.0f}" for key in ("hop_us", "hop_p99_us", "memcpy_us")), f"{f['control_ms_per_frame']:.2f}"]
        for size, f in content["sizes"].items()
    ]
    yield from table(["frame", "hop µs", "p99 µs", "memcpy µs", "control ms per frame"], rows)
    yield f"\nA hop at 1080p takes {content['hop_1080p_per_240p']:.2f} times one at 320x240."
    if "goals" in content:  # earlier results have none
        yield from _goals(content["goals"], content["gpu"], content["others_busy"])


def _goals(found: dict[str, Any], gpu: dict[str, Any], others: float) -> Iterator[str]:
    yield "\nWhat was asked of it, and what it got:\n"
    rows = [
        [goal.says, goal.asked, f"{found[goal.name]['value']:.4g}", "yes" if found[goal.name]["met"] else "**no**"]
        for goal in GOALS
        if goal.name in found
    ]
    yield from table(["figure", "asked", "got", "met"], rows)
    told = f"not measured here ({gpu['skipped']})" if "skipped" in gpu else f"{gpu['device']}, MPS: {gpu['mps']}"
    yield f"\nOther programs took {others:.2f} processors meanwhile. On a GPU: {told}."


def _memory(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## Memory: does any process grow?\n"
    yield f"`cleanplate bench memory --input {content['clip']}`: {content['frames']['output']} frames.\n"
    rows = [[name, f"{f['at_200_mb']:.0f}", f"{f['grown_mb']:.1f}"] for name, f in content["processes"].items()]
    yield from table(["process", "MB at frame 200", "MB more at most"], rows)


def _recovery(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## Recovery: how soon is a killed worker replaced?\n"
    workers = ", ".join(f"{many} workers of `{stage}`" for stage, many in content["workers"].items())
    yield f"`python -m tests.faults.recovery`: {content['kills_of_each']} kills of each stage's workers, {workers}.\n"
    names = ("seen_ms_p50", "seen_ms_max", "back_ms_p50", "back_ms_max")
    rows = [[stage, *(f"{f[key]:.0f}" for key in names)] for stage, f in content["stages"].items()]
    yield from table(["stage", "death seen, median ms", "at most", "successor ready, median ms", "at most"], rows)
    shares = [f"{stage}: {100 * f['meanwhile']:.0f} %" for stage, f in content["stages"].items() if "meanwhile" in f]
    yield f"\nWhat came out meanwhile, of the usual rate, while one worker was missing: {', '.join(shares)}."


def _overload(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## Overload: a camera that brings too much\n"
    yield f"`python -m benchmarks.overload`: {content['rounds']} rounds of light load and overload in turn.\n"
    rows = [
        [says, *map(str, (f["rate"], *map(round, f["latency_ms"].values()), f["accepted"], f["output"], f["dropped"]))]
        for kind, says in (("stand_ins", "a stage that can do 10/s"), ("removal", "removal of people"))
        for f in (content[kind]["light"], content[kind]["overload"])
    ]
    head = ["pipeline", "camera, frames/s", "latency p50 ms", "p95", "p99", "frames in", "out", "dropped"]
    yield from table(head, rows)
    ratios = ", ".join(f"{content[kind]['ratio']['p99']:.2f}" for kind in ("stand_ins", "removal"))
    yield f"\nOf the 99th percentiles, overload by light load: {ratios}; asked was at most {content['most']:g}."


def _raw_tcp(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## Raw frames over TCP: what receiving one costs\n"
    yield f"`python -m benchmarks.raw_tcp`: FFmpeg sends {content['sent']} frames of {content['size']}.\n"
    rows = [
        [says, f"{f['recv_us']:.0f}", f"{f['memcpy_us']:.0f}", f"{f['recv_per_memcpy']:.2f}"]
        for says, f in (("at its rate", content["paced"]), ("as fast as it can", content["flat_out"]))
    ]
    yield from table(["sender", "CPU µs a frame", "memcpy µs", "memcpys"], rows)
    yield f"\n{content['arrived']} arrived; asked was at most {content['goal']['goal']:g} memcpys."


def _glass(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## The page: how late is a picture?\n"
    yield (
        f"`python -m benchmarks.glass`: a camera of {content['rate']} frames/s films a clock, which is read back from "
        "the page in Chromium, input and result side by side. Beyond: without what the pipeline itself takes.\n"
    )
    rows = [
        [one["pipeline"], one["size"], one["way"], *(f"{one['late_ms'][key]:.0f}" for key in ("p50", "p99"))]
        + [f"{one['beyond_ms'][key]:.0f}" for key in ("p50", "p99")]
        + [f"{one['fps']:.0f}"]
        for one in content["measured"]
    ]
    head = ["pipeline", "frame", "by", "p50 ms", "p99", "beyond, p50 ms", "p99", "frames/s"]
    yield from table(head, rows)
    yield f"\nAsked was at most {content['goal_ms']:g} ms beyond the stages' own time."


def _machine(content: dict[str, Any]) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"


MAKERS = {
    "pipeline": _pipeline,
    "transport": _transport,
    "memory": _memory,
    "recovery": _recovery,
    "overload": _overload,
    "raw-tcp": _raw_tcp,
    "glass": _glass,
}


if __name__ == "__main__":
    PAGE.write_text(page())
    draw_all()
