"""How well are faces and plates covered, and how fast beside `deface`? Same machine, same clips, one run, in turn.

`python -m benchmarks.privacy --data FOLDER` measures, writes `results/privacy.json` and makes the tables of
`docs/privacy.md` anew; `--page` only the tables. FOLDER is that of the test data. Rates are medians of rounds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import privacy_page
from benchmarks.privacy_beside import THEIRS, beside, real
from benchmarks.privacy_recall import all_recalls
from benchmarks.results import complete, load, save
from benchmarks.transport import Bystanders

RESULT = privacy_page.RESULT
PARTS = "beside", "recall"


def measure(data: Path, rounds: int, parts: Sequence[str] = PARTS, *, quick: bool = False) -> dict[str, Any]:
    """Every figure of those parts; `quick`: of a few frames and photos. Raises RunError, OSError, av.FFmpegError."""
    others = Bystanders()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if "beside" in parts:
            found["beside"] = {"rounds": rounds, **beside(data, Path(name), rounds, _tell, quick=quick)}
            found["beside"] |= {"others_busy": round(others.processors(), 2), "version": _version()}
            found["real"] = real(data, Path(name), _tell)
    if "recall" in parts:
        found["recall"] = all_recalls(data, _tell, quick=quick)
    return {**found, "gpu": _gpu()}


def _version() -> str:
    from importlib.metadata import version

    return version(THEIRS)


def _gpu() -> str:
    """The name of the GPU that is here, if any."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; make the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.privacy")
    parser.add_argument("--data", type=Path, help="the folder of the test data; needed but for --page")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS, help="the rest stays as it was measured before")
    parser.add_argument("--quick", action="store_true", help="few frames and photos: to see that it works")
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if wanted.quick and wanted.json == RESULT:
        parser.error("--quick measures too little for the page: say --json FILE")
    if not wanted.page and wanted.data is None:
        parser.error("--data FOLDER is missing: clips and photos with their truth")
    if not wanted.page:
        for part in (wanted.only,) if wanted.only else PARTS:  # each kept at once: a later one may fail
            before = load(wanted.json, "privacy") if wanted.json.exists() else {}
            kept: dict[str, Any] = {key: before[key] for key in ("beside", "real", "recall") if key in before}
            found = measure(wanted.data, wanted.rounds, (part,), quick=wanted.quick)
            save(wanted.json, complete("privacy", kept | found))
    if wanted.json == RESULT:
        privacy_page.write()


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
