"""The tables of `docs/matting.md`, made from the results; no figure there is typed by hand, all else on the page is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "matting.md"
RESULT = FOLDER / "matting.json"
MARK = "<!-- From here on made by `python -m benchmarks.matting`; nothing is typed by hand. -->\n"
QUALITY = (
    "The plain mask of the segmentation, and the matte that is refined from it, against the true alpha; 640x360. "
    "*Difference*: mean absolute, of 255. *Gradient*: Rhemann et al. 2009. *Flicker*: dtSSD, Erofeev et al. 2015. "
    "Less is better; in brackets the matte's share of the mask's error. What the segmentation takes for somebody and "
    "is not, no refinement takes away.\n"
)
SPEED = (
    "`cleanplate run` at {size}, beside the usual script (batch 1, torch in float32, decode, infer, encode one after "
    "the other) with the same model, in turn; medians of {rounds} round(s). *rvm* with {network}. Other programs took "
    "{others_busy:.2f} processors meanwhile.\n"
)

Content = Mapping[str, Any]
KINDS = {"mad": "difference", "gradient": "gradient", "flicker": "flicker"}


def tables(content: Content) -> str:
    """Everything below the mark."""
    parts = ["## Figures\n"]
    if content.get("quality"):
        parts += [*_quality(content["quality"]), ""]
    if "speed" in content:
        parts += [*_speed(content["speed"]), ""]
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return "\n".join([*parts, f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*", ""])


def page() -> str:
    """The whole page: the guide as it is, and the tables."""
    guide, mark, _ = PAGE.read_text().partition(MARK)
    measured = tables(load(RESULT, "matting")) if RESULT.exists() else "Not measured yet.\n"
    return "\n".join([guide + (mark or MARK), measured])


def write() -> None:
    """Make the tables anew. Raises OSError, ConfigError."""
    PAGE.write_text(page())


def _quality(content: Content) -> Iterator[str]:
    yield "### How near to the truth\n"
    yield QUALITY
    rows = []
    for name, clip in {**content["clips"], "all": content["overall"]}.items():
        cells = [f"{clip['mask'][kind]:.2f} → {clip['matte'][kind]:.2f} ({clip['share'][kind]:.2f})" for kind in KINDS]
        rows.append([name, *cells])
    yield from table(["clip", *KINDS.values()], rows)
    for kind, met in content["overall"]["goals"].items():
        yield f"\nGoal: {KINDS[kind]} at most 0.6 of the mask's over all clips: {'met' if met else 'missed'}."


def _speed(content: Content) -> Iterator[str]:
    yield "### How fast\n"
    yield SPEED.format(**content)
    rows = []
    for model in ("refined", "rvm"):
        one = content[model]
        rates = [f"{one['frames_per_s']:.2f}", f"{one['usual_frames_per_s']:.2f}", f"{one['times_usual']:.2f}"]
        rows.append([model, *rates, f"{one['hours_40_min_4k']:g}", f"{one['usual_hours_40_min_4k']:g}"])
    head = ["model", "frames/s", "usual script", "times", "hours for 40 min of 4K, by its pixels", "usual script"]
    yield from table(head, rows)
    for model in ("refined", "rvm"):
        yield f"\nGoal: {model} at least 3 times the usual script: {'met' if content[model]['goal'] else 'missed'}."
