"""Scenarios: clips made by code for all that breaks a remembered background, and how well the plate bears them.

`python -m benchmarks.scenarios [NAME...]` prints the table; `--sheet FOLDER` shows each clip in a picture; `--pictures
FOLDER` sets them in places of one's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scenarios_fixed as fixed
from benchmarks import scenarios_moving as moving
from benchmarks.scenarios_clip import Scenario, Stage
from benchmarks.scenarios_judge import each, judge, mean
from benchmarks.scenarios_plate import Outcome, run_plate
from benchmarks.scenarios_scenery import Scenery
from benchmarks.sections import table
from pipeline.errors import ConfigError
from pipeline.reading import close_match

__all__ = ["NAMES", "Outcome", "Scenario", "Stage", "judge", "make", "run_plate", "score", "unjudged"]

MAKERS: Mapping[str, Callable[[Stage], Scenario]] = {
    "miss-single": fixed.miss_single,
    "miss-five": fixed.miss_five,
    "miss-standing": fixed.miss_standing,
    "steps-aside": fixed.steps_aside,
    "cut": fixed.cut,
    "drift": fixed.drift,
    "exposure": fixed.exposure,
    "grain": fixed.grain,
    "shadow": fixed.shaded,
    "reflection": fixed.mirrored,
    "leaves": fixed.leaves,
    "screen": fixed.screen,
    "parked": fixed.parked,
    "pan": moving.pan,
    "zoom": moving.zoom,
    "roll": moving.roll,
    "shake": moving.shake,
    "wander": moving.wander,
    "parallax": moving.parallax,
}
NAMES = tuple(MAKERS)
COLUMNS = ("inside dB", "outside dB", "flicker", "grain", "not known", "worst dB", "plate ms", "forgot")


def make(name: str, stage: Stage | None = None) -> Scenario:
    """The scenario of that name, the same each time. Raises ConfigError where there is none."""
    if name not in MAKERS:
        raise ConfigError(f"no scenario {name!r}{close_match(name, MAKERS)}")
    return MAKERS[name](stage or Stage())


def unjudged(scenario: Scenario, tracking: bool = False) -> list[bool]:
    """The frames in which the given mask misses somebody: the plate can do nothing there, but tracking can."""
    return [scenario.missed(index) and not tracking for index in range(len(scenario.frames))]


def score(scenario: Scenario, outcome: Outcome, tracking: bool = False) -> dict[str, Any]:
    """The figures of one clip, but for frames that are `unjudged`."""
    skipped = unjudged(scenario, tracking)
    found = judge(outcome.frames, scenario.truth, scenario.hidden, skipped)
    return {
        **{key: round(value, 2) for key, value in found.items()},
        "worst_db": round(_worst(scenario, outcome, skipped), 2),
        "rest": round(mean(outcome.rest), 4),
        "plate_ms": round(outcome.plate_ms, 2),
        "forgotten": outcome.counts.get("plate_forgotten", 0),
    }


def _worst(scenario: Scenario, outcome: Outcome, skipped: Sequence[bool]) -> float:
    """The PSNR in the hole of the worst tenth of the frames."""
    moments = each(outcome.frames, scenario.truth, scenario.hidden, skipped)
    found = sorted(moment.inside_db for moment in moments if not np.isnan(moment.inside_db))
    return mean(found[: max(1, len(found) // 10)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row for each scenario."""
    wanted = _parse(arguments)
    stage = Stage(wanted.size[0], wanted.size[1], wanted.frames, Scenery(wanted.pictures))
    for line in _rows(wanted, stage):
        print(line, flush=True)


def _rows(wanted: argparse.Namespace, stage: Stage) -> Iterator[str]:
    rows = []
    for name in wanted.names or NAMES:
        scenario = make(name, stage)
        outcome = run_plate(scenario, model=wanted.model, tracking=wanted.tracking)
        found = score(scenario, outcome, wanted.tracking)
        rows.append([name, *(f"{found[key]:.1f}" for key in ("inside_db", "outside_db")), *_others(found)])
        yield f"{name}: {scenario.says}; {rows[-1][1:]}"
        if wanted.sheet:
            from benchmarks.scenarios_sheet import write_sheet

            yield f"  {write_sheet(scenario, outcome.frames, wanted.sheet)}"
    yield from ("", *table(["clip", *COLUMNS], rows))


def _others(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{found[key]:.2f}" for key in ("flicker", "grain"))
    yield f"{100 * found['rest']:.1f} %"
    yield from (f"{found['worst_db']:.1f}", f"{found['plate_ms']:.1f}", str(found["forgotten"]))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all where none is given")
    parser.add_argument("--sheet", type=Path, metavar="FOLDER", help="write a picture of each clip there")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="places of one's own instead of drawn ones")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 270), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--model", default="telea", help="what fills what the plate does not know")
    parser.add_argument("--tracking", action="store_true", help="masks go through the stage that follows people")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
