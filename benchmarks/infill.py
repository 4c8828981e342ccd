"""How good is `infill`, beside the classical inpainters, PatchMatch and LaMa? In holes whose truth is known.

`python -m benchmarks.infill --material FILE [--clips FOLDER] [--people FOLDER] [--weights FILE]` writes
`results/infill.json`, the section of `docs/quality.md` and its contact sheet. FILE is what `models.train_infill` packs;
the pictures in it are those that it never learns from. `--weights`: other weights than the shipped ones.
`--only quality|speed`: the rest stays as it was measured before.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import infill_speed, quality_page
from benchmarks.infill_cases import Case, by_picture, composites, held_out, silhouettes
from benchmarks.infill_goals import QUALITY, judged
from benchmarks.infill_judge import gains, judge, means
from benchmarks.infill_page import RESULT, SHEET
from benchmarks.infill_sheet import Row, write_sheet
from benchmarks.infill_ways import OURS, REFERENCE, Way, ways
from benchmarks.results import complete, load, save
from models.base import Image

Told = Callable[[str], None]
Figures = dict[str, list[dict[str, float]]]
"""Of each way, of each crop."""


def measure(
    cases: Sequence[Case], found: Sequence[Way], told: Told = lambda _: None
) -> tuple[dict[str, Any], list[Row]]:
    """The figures of every picture and of all of them, how they stand to the goals; and a crop of each picture that may
    be shown, as every way has filled it: the one in the middle, neither the best nor the worst of infill's."""
    pictures: dict[str, dict[str, Any]] = {}
    rows: list[Row] = []
    for name, of_one in by_picture(cases).items():
        figures, filled = run(of_one, found)
        over = gains(figures[OURS], figures[REFERENCE])
        chosen = sorted(range(len(over)), key=over.__getitem__)[len(over) // 2]
        pictures[name] = {"crops": len(of_one), "ways": summed(figures)}
        if of_one[chosen].ours:
            rows.append((of_one[chosen], {way: images[chosen] for way, images in filled.items()}))
        told(f"{name}: {pictures[name]['ways'][OURS]}")
    over_all = overall(pictures)
    return {"pictures": pictures, **over_all, "goals": judged(over_all, QUALITY)}, rows


def run(cases: Sequence[Case], found: Sequence[Way]) -> tuple[Figures, dict[str, list[Image]]]:
    """Every way on every crop: the figures, and what came out. Only what was hole is taken of it."""
    figures: Figures = {way.name: [] for way in found}
    pictures: dict[str, list[Image]] = {way.name: [] for way in found}
    for case in cases:
        for way in found:
            begun = time.perf_counter()
            filled = case.image.copy()
            invented = way.fill(case.image, case.hole)
            seconds = time.perf_counter() - begun
            filled[case.hole > 0] = invented[case.hole > 0]
            figures[way.name].append({**judge(filled, case.truth, case.hole), "ms": 1000 * seconds})
            pictures[way.name].append(filled)
    return figures, pictures


def summed(figures: Figures) -> dict[str, Any]:
    """Of one picture: the means of each way over its crops, and by how many dB it is nearer to the truth than Telea."""
    found = {}
    for name, rows in figures.items():
        over = gains(rows, figures[REFERENCE])
        found[name] = {**means(rows), "ms": statistics.median(row["ms"] for row in rows)}
        found[name] |= {"gain_db": statistics.fmean(over), "worst_crop_db": min(over)}
    return {name: {key: round(value, 3) for key, value in row.items()} for name, row in found.items()}


def overall(pictures: dict[str, Any]) -> dict[str, Any]:
    """Of each way the means over the pictures, each of which counts the same, and the worst."""
    names = next(iter(pictures.values()))["ways"]
    found: dict[str, dict[str, float]] = {}
    for name in names:
        rows = [picture["ways"][name] for picture in pictures.values()]
        found[name] = means(rows) | {
            "worst_gain_db": min(row["gain_db"] for row in rows),
            "worst_crop_db": min(row["worst_crop_db"] for row in rows),
        }
    ours, other = found[OURS], found[REFERENCE]
    return {
        "overall": {name: {key: round(value, 3) for key, value in row.items()} for name, row in found.items()},
        "gain_db": round(ours["gain_db"], 2),
        "worst_gain_db": round(ours["worst_gain_db"], 2),
        "edges_share": round(ours["edges"] / other["edges"], 3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; make the page."""
    wanted = _parser().parse_args(arguments)
    if not wanted.page:
        before = load(RESULT, "infill") if RESULT.exists() else {}
        save(RESULT, complete("infill", {**_kept(before), **_measured(wanted)}))
    quality_page.write()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.infill")
    parser.add_argument("--material", type=Path, help="the packed pictures of models.train_infill")
    parser.add_argument("--clips", type=Path, help="a folder of composites with their true background")
    parser.add_argument("--people", type=Path, help="a folder of polygons, lines of a class and points: holes too")
    parser.add_argument("--weights", type=Path, help="of infill, other than the shipped ones")
    parser.add_argument("--only", choices=("quality", "speed"), help="the rest stays as it was measured before")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    return parser


def _measured(wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if wanted.only != "speed":
        people = silhouettes(wanted.people) if wanted.people else []
        cases = list(held_out(wanted.material, people)) if wanted.material else []
        cases += composites(wanted.clips) if wanted.clips else []
        here, absent = ways(wanted.weights, device=wanted.device)
        facts = {way.name: way.facts for way in here if way.facts}
        figures, rows = measure(cases, here, _tell)
        found = {**figures, "absent": absent, "models": facts, "people": bool(people)}
        if rows:
            write_sheet(SHEET, rows)
            found["shown"] = SHEET.name
    if wanted.only != "quality":
        found["speed"] = infill_speed.measure(wanted.weights, wanted.device, told=_tell)
    return found


def _kept(before: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in before.items() if key not in ("question", "date", "machine")}


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
