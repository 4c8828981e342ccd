"""The tables of `docs/performance.md`, made from the results; no figure there is typed by hand.

`python -m benchmarks.tables` writes the page anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, load

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
HEAD = """# Performance

Made by `make bench` from `benchmarks/results/*.json`; nothing here is typed by hand. Every figure is that of the
machine named beside it. Ratios travel to other machines, frames per second do not.
"""


def page() -> str:
    """The whole page, from the results that are there."""
    found = {path.stem: load(path) for path in sorted(FOLDER.glob("*.json"))}
    makers = {"pipeline": _pipeline, "transport": _transport, "memory": _memory}
    parts = [HEAD]
    for name, content in found.items():
        parts.append("\n".join([*makers[content["question"]](name, content), "", _machine(content), ""]))
    return "\n".join(parts)


def _pipeline(name: str, content: dict[str, Any]) -> Iterator[str]:
    stages, whole = content["alone"]["stages"], content["whole"]
    yield f"## `{content['config']}`: each stage alone, and the whole\n"
    yield f"`cleanplate bench {content['config']}` on {content['clip']}, {content['alone']['size']}.\n"
    rows = [
        [stage, f"{t['fps']:.1f}", *(f"{t[key]:.2f}" for key in ("p50_ms", "p95_ms", "p99_ms"))]
        for stage, t in stages.items()
    ]
    yield from table(["stage, alone", "frames/s", "p50 ms", "p95 ms", "p99 ms"], rows)
    latency = whole["latency_ms"]
    yield (
        f"\nThe whole, side by side: **{whole['fps']:.1f} frames/s** (median of {len(whole['fps_of_rounds'])} runs of "
        f"{whole['frames']} frames), {latency['p50']:.0f} ms from in to out (p99 {latency['p99']:.0f}), "
        f"{whole['control_ms_per_frame']:.2f} ms of control per frame.\n"
    )
    yield from table(
        ["model", "engine", "precision", "device"],
        [[m["name"], m.get("engine", ""), m["precision"], m["device"]] for m in content["alone"]["models"]],
    )


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


def _memory(name: str, content: dict[str, Any]) -> Iterator[str]:
    yield "## Memory: does any process grow?\n"
    yield f"`cleanplate bench memory --input {content['clip']}`: {content['frames']['output']} frames.\n"
    rows = [[name, f"{f['at_200_mb']:.0f}", f"{f['grown_mb']:.1f}"] for name, f in content["processes"].items()]
    yield from table(["process", "MB at frame 200", "MB more at most"], rows)


def _machine(content: dict[str, Any]) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table: the first column to the left, figures to the right."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
