"""How fast, how large, how late and how good are others at the same work? Same clips, same machine, one run, in turn.

`python -m benchmarks.peers [--data FOLDER] [--rounds N] [--only NAME]` measures, writes `results/peers.json` and makes
`docs/peers.md` anew; `--page` only the page. FOLDER is that of the test data: faces with their boxes, and clips whose
true background is known; without it those parts stay as they were measured before. Each peer is a program of its own,
started anew for each round, and watched from outside alike.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import baseline, peers_page
from benchmarks.peers_clips import composites, tasks
from benchmarks.peers_known import TASKS
from benchmarks.peers_run import Told, measure
from benchmarks.results import complete, load, make_folder, save
from benchmarks.transport import Bystanders

RESULT = peers_page.RESULT
FRAMES, ROUNDS = 150, 3
COMPOSITES = "composites"
NEEDY = ("faces", COMPOSITES)  # of the test data


def measured(data: Path | None, rounds: int, frames: int, only: str, told: Told) -> dict[str, Any]:
    """Every task that was asked for, by its name. Raises RunError, ModelError, OSError, av.FFmpegError."""
    others = Bystanders()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, baseline.lama_file() as (lama, what):
        folder = Path(name)
        for task in tasks(folder, data, frames, only):
            peers = measure(task, folder, lama, rounds, told)
            found[task.name] = {"frames": task.frames, "rounds": rounds, "lama": what, "peers": peers}
        if data and only in ("", COMPOSITES):
            clips = {task.name: measure(task, folder, lama, 1, told) for task in composites(folder, data)}
            found[COMPOSITES] = {"clips": clips}
    return {key: {**part, "others_busy": round(others.processors(), 2)} for key, part in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; the rest stays as it was measured before. Make the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--data", type=Path, help="the folder of the test data")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the clip that is made here")
    parser.add_argument("--only", choices=[*TASKS, COMPOSITES], default="")
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if wanted.data is None and not wanted.page:
        if wanted.only in NEEDY:
            parser.error(f"{wanted.only}: --data FOLDER is missing: clips with their truth")
        _tell(f"{' and '.join(NEEDY)}: not measured without --data FOLDER")
    if not wanted.page:
        make_folder(wanted.json)
        before = load(wanted.json, "peers")["tasks"] if wanted.json.exists() else {}
        found = measured(wanted.data, wanted.rounds, wanted.frames, wanted.only, _tell)
        save(wanted.json, complete("peers", {"tasks": before | found}))
    if wanted.json == RESULT:
        peers_page.write()


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
