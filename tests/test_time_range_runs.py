"""Whole runs over parts of a source: what a kill interrupts is taken up within the range, frame by frame."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from tests.clips import decode, make_clip, number_of, picture, stamps_of
from tests.copying import copying
from tests.runs import Run
from tests.stills import write_still
from tests.waiting import wait_until

RANGE = ("--start", "4", "--end", "0:22.6")


@pytest.mark.parametrize("ending", ["mkv", "ts"])
def test_a_killed_source_goes_on_within_its_range(tmp_path: Path, ending: str) -> None:
    clip = make_clip(tmp_path / f"in.{ending}", 600)
    out = tmp_path / "out.mkv"
    run = Run(tmp_path, copying(codec="ffv1"), "--input", str(clip), "--output", str(out), *RANGE)
    kill_ingest(run, tmp_path / "out.mkv.part")
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["ingest"]["restarts"] == 1
    assert ended.frames["output"] == 465
    assert [number_of(image) for image in decode(out)] == [number % 256 for number in range(100, 565)]


def test_a_killed_folder_goes_on_with_the_next_picture(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(800):
        write_still(folder / f"shot{number}.bmp", picture(number, 256, 192))
    out = tmp_path / "out.mkv"
    run = Run(tmp_path, copying(codec="ffv1"), "--input", str(folder), "--output", str(out), "--start", "2")
    kill_ingest(run, tmp_path / "out.mkv.part")
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["ingest"]["restarts"] == 1
    assert [number_of(image) for image in decode(out)] == [number % 256 for number in range(50, 800)]
    stamps = stamps_of(out)
    assert {after - before for before, after in itertools.pairwise(stamps)} == {Fraction(1, 25)}


def kill_ingest(run: Run, part: Path) -> None:
    """SIGKILL to the source when something of its has been written, and before it is done."""
    workers: list[psutil.Process] = []

    def caught() -> bool:
        workers[:] = run.workers("ingest")
        return bool(workers) and part.exists() and part.stat().st_size > 20_000

    wait_until(caught, 60)
    workers[0].kill()
