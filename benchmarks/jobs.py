"""What do segments cost, and are they seen? Speed of jobs beside one run, and the likeness of what is joined to it.

`python -m benchmarks.jobs --data FOLDER` measures, writes `results/jobs.json` and the tables of `docs/long-videos.md`;
`--only speed` or `--only seams` a part of it, the rest stays as it was; `--page` only the tables, from the results.
Measure on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import jobs_page, jobs_seams
from benchmarks.jobs_runs import Task, run_job, run_whole
from benchmarks.jobs_seams import REAL, Lead, Told
from benchmarks.results import FOLDER, complete, load, save
from benchmarks.transport import Bystanders
from pipeline.errors import ConfigError

RESULT = FOLDER / "jobs.json"
SEGMENT = "15s"
LANES = (1, 2)
ROUNDS = 3
GOAL = 0.95  # of the better of the fixed ways


def measure_speed(video: Path, scratch: Path, rounds: int, told: Told) -> dict[str, Any]:
    """Frames/s of one run and of jobs, in turn: so many segments at a time, and as a job decides by itself; each whole
    command, start and end included. Raises RunError."""
    task, found = Task(video), {}
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        seconds = run_whole(task, scratch / f"whole-{number}.mp4")
        for lanes in (*LANES, None):
            out = scratch / f"joined-{number}-{lanes}.mp4"
            took, manifest = run_job(task, out, segment=SEGMENT, workers=lanes)
            frames = sum(segment.frames for segment in manifest.segments)
            rates.setdefault(f"lanes_{lanes}" if lanes else "measured", []).append(frames / took)
            if lanes is None:
                found = {"chosen": manifest.lanes, "by_lanes": manifest.speeds}
            told(f"round {number + 1} of {rounds}: {lanes or 'measured'}: {frames / took:.2f} frames/s")
        rates.setdefault("whole", []).append(frames / seconds)
        told(f"round {number + 1} of {rounds}: one run {frames / seconds:.2f} frames/s")
    fps = {way: round(statistics.median(each), 2) for way, each in rates.items()}
    better = max(fps[f"lanes_{lanes}"] for lanes in LANES)
    starts = [run_whole(task, scratch / f"one-{number}.mp4", frames=1) for number in range(rounds)]
    return {
        "segment": SEGMENT, "segments": len(manifest.segments), "frames": frames, "rounds": rounds, "fps": fps, **found,
        "of_better": round(fps["measured"] / better, 3), "of_whole": round(fps["measured"] / fps["whole"], 3),
        "start_s": round(statistics.median(starts), 2), "goal": GOAL,
        "of_rounds": {way: [round(rate, 2) for rate in each] for way, each in rates.items()},
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs")
    parser.add_argument("--data", type=Path, help="the folder with real/ and composites/")
    parser.add_argument("--only", choices=("speed", "seams"), help="the rest stays as it was measured before")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--leads", type=_lead, nargs="+", default=jobs_seams.LEADS, help="as 3/30: pre-roll/reach, s")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if not wanted.page:
        if wanted.data is None:
            raise ConfigError("--data: where the clips are")
        save(RESULT, complete("jobs", _measure(wanted)))
    jobs_page.write()


def _measure(wanted: argparse.Namespace) -> dict[str, Any]:
    before = load(RESULT, "jobs") if RESULT.exists() else {}
    found: dict[str, Any] = {key: before[key] for key in ("speed", "seams") if key in before}
    others = Bystanders()
    with tempfile.TemporaryDirectory() as name:
        if wanted.only != "seams":
            found["speed"] = measure_speed(wanted.data / "real" / f"{REAL}.mp4", Path(name), wanted.rounds, _tell)
        if wanted.only != "speed":
            found["seams"] = jobs_seams.measure(wanted.data, Path(name), wanted.leads, _tell)
    return {**found, "others_busy": round(others.processors(), 2)}


def _lead(text: str) -> Lead:
    preroll, _, reach = text.partition("/")
    return Lead(float(preroll), float(reach or 0))


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
