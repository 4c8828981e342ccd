"""How good is removal? Clips whose truth is known, through the command line and through the plate alone.

`python -m benchmarks.quality [--clips FOLDER]` measures, writes `results/quality.json`, and makes `docs/quality.md`,
its pictures and plots anew; `--page` only the page and the plots, from the results. `--private FOLDER`: pictures of
those clips, which are not ours to publish, go there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import baseline, quality_page, scenarios
from benchmarks.quality_clips import File, files, means, measure
from benchmarks.quality_pictures import row_of, telling, write_strip
from benchmarks.results import FOLDER, complete, load, save
from benchmarks.scenarios_judge import each
from pipeline.frame import Image

RESULT = FOLDER / "quality.json"
TRACKED = "-tracked"
NAMES = [way for name in scenarios.NAMES for way in ((name, name + TRACKED) if name.startswith("miss") else (name,))]

Told = Callable[[str], None]


def run_files(clips: Path | None, scratch: Path, shown: Path, private: Path | None, told: Told) -> dict[str, Any]:
    """The figures of all files, by name, and the name of LaMa's weights in the usual loop. Raises RunError."""
    found: dict[str, Any] = {}
    with baseline.lama_file() as (lama, what):
        usual = baseline.Usual(lama)
        usual.warm_up()
        for file in files(clips, scratch):
            figures, frames = measure(file, usual, scratch)
            told(f"{file.name}: {figures['inside_db']} dB, {figures['fps']} frames/s")
            place = shown if file.ours else private
            figures["picture"] = _strip(file, frames, figures, place) if place else ""
            figures["published"] = file.ours
            found[file.name] = figures
    return {"lama": what, "clips": found}


def _strip(file: File, frames: Sequence[Image], figures: dict[str, Any], place: Path) -> str:
    from benchmarks.quality_clips import pictures

    inputs = pictures(file.path)
    chosen = telling(file.hidden, figures["inside_of_frames"])
    rows = [row_of(inputs[at], file.hidden[at], file.hidden[at], frames[at], file.truth[at]) for at in chosen]
    place.mkdir(parents=True, exist_ok=True)
    write_strip(place / f"{file.name}.jpg", rows)
    figures["shown"] = chosen
    return f"{file.name}.jpg"


def run_scenarios(names: Sequence[str], shown: Path, told: Told) -> dict[str, Any]:
    """The figures of these scenarios with the masks that they give: through the plate alone, or, as `NAME-tracked`,
    through tracking and then the plate."""
    found: dict[str, Any] = {}
    for name in names:
        tracked = name.endswith(TRACKED)
        clip = scenarios.make(name.removesuffix(TRACKED))
        outcome = scenarios.run_plate(clip, tracking=tracked)
        moments = list(each(outcome.frames, clip.truth, clip.hidden, scenarios.unjudged(clip, tracked)))
        says = f"{clip.says}; tracking holds the mask" if tracked else clip.says
        figures = {"says": says, **scenarios.score(clip, outcome, tracked), **means(moments)}
        chosen = telling(clip.hidden, figures["inside_of_frames"])
        rows = [row_of(clip.frames[at], clip.masks[at], clip.hidden[at], outcome.frames[at], clip.truth[at])
                for at in chosen]  # fmt: skip
        write_strip(shown / f"{name}.jpg", rows)
        found[name] = {**figures, "picture": f"{name}.jpg", "shown": chosen}
        told(f"{name}: {figures['inside_db']} dB, flicker {figures['flicker']}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; make the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--clips", type=Path, help="a folder of clips with their true background")
    parser.add_argument("--private", type=Path, help="where pictures of those clips go")
    parser.add_argument("--only", choices=("clips", "scenarios"), help="the rest stays as it was measured before")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if not wanted.page:
        before = load(RESULT, "quality") if wanted.only else {}
        save(RESULT, complete("quality", {**_kept(before), **_measure(wanted)}))
    quality_page.write()


def _measure(wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    quality_page.PICTURES.mkdir(parents=True, exist_ok=True)
    if wanted.only != "scenarios":
        with tempfile.TemporaryDirectory() as scratch:
            found = run_files(wanted.clips, Path(scratch), quality_page.PICTURES, wanted.private, _tell)
    if wanted.only != "clips":
        found["scenarios"] = run_scenarios(NAMES, quality_page.PICTURES, _tell)
    return found


def _kept(before: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in before.items() if key in ("lama", "clips", "scenarios")}


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
