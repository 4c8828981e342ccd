"""The tables of `docs/long-videos.md`, made from the results; no figure there is typed by hand, all else is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "long-videos.md"
RESULT = FOLDER / "jobs.json"
MARK = "<!-- From here on made by `python -m benchmarks.jobs`; nothing is typed by hand. -->\n"
SPEED = (
    "`remove-people` on {frames} frames of 768x432, in {segments} segments of {segment}; the whole command, from its "
    "start to its end; medians of {rounds} rounds. A run of a single frame takes {start_s:.1f} s: what a segment costs "
    "to begin.\n"
)
SEAMS = (
    "PSNR in dB of the joined result with that of one run. *At seams*: mean of the first five pictures of each segment "
    "but the first; *below*: by how much that is below the median of all pictures. *Done twice*: frames before "
    "segments, beside all of the clip. *Jump*: the largest `seam` of `job status`. Encoded as by default (h264), then "
    "without loss, where 99 dB is equal and nothing differs but what the stages remember.\n"
)
WAYS = {
    "whole": "one run (`cleanplate run`)",
    "lanes_1": "1 segment at a time, all processors",
    "lanes_2": "2 segments at a time, half of them each",
    "measured": "as it decides by itself, measuring included",
}

Content = Mapping[str, Any]


def tables(content: Content) -> str:
    """Everything below the mark."""
    parts = ["## Measured\n"]
    if "speed" in content:
        parts += [*_speed(content["speed"]), ""]
    if "seams" in content:
        parts += [*_seams(content["seams"]), ""]
    return "\n".join([*parts, _machine(content), ""])


def page() -> str:
    """The whole page: the guide as it is, and the tables."""
    guide, mark, _ = PAGE.read_text().partition(MARK)
    measured = tables(load(RESULT, "jobs")) if RESULT.exists() else "Not measured yet.\n"
    return "\n".join([guide + (mark or MARK), measured])


def write() -> None:
    """Make the tables anew. Raises OSError, ConfigError."""
    PAGE.write_text(page())


def _speed(content: Content) -> Iterator[str]:
    yield "### Speed\n"
    yield SPEED.format(**content)
    whole = content["fps"]["whole"]
    rows = [[says, f"{content['fps'][way]:.1f}", f"{content['fps'][way] / whole:.2f}"] for way, says in WAYS.items()]
    yield from table(["way", "frames/s", "of one run"], rows)
    met = "yes" if content["of_better"] >= content["goal"] else "**no**"
    yield (
        f"\nBy itself it took {content['chosen']} at a time: {content['of_better']:.2f} of the better fixed way; asked "
        f"was at least {content['goal']:g}: {met}."
    )


def _seams(content: Content) -> Iterator[str]:
    yield "### Seams\n"
    yield SEAMS
    head = [
        "clip",
        "segments of",
        "pre-roll/reach, s",
        "done twice",
        "median",
        "at seams",
        "below",
        "jump",
        "lossless, at seams",
    ]
    yield from table(head, [row for name, clip in content.items() for row in _rows(name, clip)])


def _rows(name: str, clip: Content) -> Iterator[list[str]]:
    for lead, each in clip["leads"].items():
        coded = each["h264"]
        jump = "" if coded["largest_jump"] is None else f"{coded['largest_jump']:.1f}"
        figures = [f"{coded[key]:.2f}" for key in ("median_db", "seams_db", "below_db")]
        share = f"{100 * coded['lead_share']:.0f} %"
        yield [name, clip["segment"], lead, share, *figures, jump, f"{each['lossless']['seams_db']:.2f}"]


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    busy = f"other programs took {content['others_busy']:.2f} processors meanwhile"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}; {busy}*"
