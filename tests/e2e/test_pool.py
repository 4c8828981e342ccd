"""What a stage keeps once outlives a worker that dies in the midst of writing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import Run, toy
from tests.toys import picture

INVERT = {"name": "invert", "uses": "tests.toys:Invert"}


@pytest.mark.real
def test_a_pool_keeps_what_was_put_there_whoever_dies_over_it(tmp_path: Path) -> None:
    shelves = {"name": "shelves", "uses": "tests.toys_memory:Shelves"}
    shelves["with"] = {"kill_at": 20, "once": str(tmp_path / "once")}  # type: ignore[assignment]
    run = Run(tmp_path, toy(tmp_path, INVERT, shelves, sink="CollectWithMask"))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["shelves"]["restarts"] == 1
    wanted = [0, 0, *(int(picture(index, 48, 64)[0, 0, 0]) for index in range(58))]
    assert [line[4] for line in run.lines()] == wanted
