"""A graph with a branch, written in YAML: both ends complete, and neither suffers for the other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.clips import decode, make_clip
from tests.commands import cleanplate
from tests.e2e.forks import forked
from tests.runs import Ended, Run
from tests.thorough import rarely
from tests.waiting import wait_until

pytestmark = pytest.mark.real
SUMS = [sum(range(i + 1)) % 251 for i in range(1000)]


def check_both(run: Run, ended: Ended, count: int = 60) -> None:
    assert ended.code == 0, ended.stderr
    assert run.lines() == [[i, i, 0, 1, SUMS[i]] for i in range(count)]
    masks = [list(map(int, line.split())) for line in (run.folder / "masks.txt").read_text().splitlines()]
    assert masks == [[i, SUMS[i]] for i in range(count)]
    assert ended.frames == {"accepted": count, "output": count, "blanked": 0, "dropped": {}, "rejected": 0}
    assert ended.report["ledger_balanced"]
    assert ended.report["outputs"] == {"result": {"lines": count}, "masks": {"lines": count}}


@pytest.mark.long
def test_one_stage_feeds_two_outputs_and_both_complete(tmp_path: Path) -> None:
    run = Run(tmp_path, forked(tmp_path))
    check_both(run, run.end())


def test_check_draws_the_branch_in_text(tmp_path: Path) -> None:
    drawn = cleanplate("check", forked(tmp_path)).stdout.splitlines()[2:9]
    flow = [(line[2:17].rstrip(), " ".join(line[17:].split()).rpartition(" ")[0]) for line in drawn]
    assert flow == [
        ("● ingest", "- -> image"),
        ("│", ""),
        ("● total", "image -> mask"),
        ("├─● invert x2", "image -> clean"),
        ("│ │", ""),
        ("│ ● result", "clean, mask -> -"),
        ("└─● masks", "mask -> -"),
    ]


def test_check_draws_the_branch_for_mermaid(tmp_path: Path) -> None:
    lines = cleanplate("check", forked(tmp_path), "--mermaid").stdout.splitlines()
    assert [line.strip() for line in lines if "-->" in line] == [
        's0 -- "image" --> s1',
        's1 -- "image, mask" --> s2',
        's2 -- "clean, mask" --> s3',
        's1 -- "mask" --> s4',
    ]


@pytest.mark.parametrize("slow", ["sleep", *rarely("masks_sleep")])
def test_a_slow_branch_loses_no_frame_of_its_own_and_none_of_the_other(tmp_path: Path, slow: str) -> None:
    run = Run(tmp_path, forked(tmp_path, **{slow: 0.02}))  # type: ignore[arg-type]
    check_both(run, run.end())


@pytest.mark.parametrize(
    ("blow", "stages"),
    [(signal.SIGKILL, ["invert", "result", "masks"]), *rarely((signal.SIGSTOP, ["masks"]))],
    ids=["killed", "frozen"],
)
def test_a_branch_whose_workers_are_killed_or_frozen_loses_no_frame_and_none_of_the_other(
    tmp_path: Path, blow: signal.Signals, stages: list[str]
) -> None:
    run = Run(tmp_path, forked(tmp_path, count=400, sleep=0.005))
    for stage in stages:
        before = len(run.lines()) if run.output.exists() else 0
        wait_until(lambda before=before: run.output.exists() and len(run.lines()) > before + 20)  # type: ignore[misc]
        os.kill(run.workers(stage)[0].pid, blow)
    ended = run.end()
    check_both(run, ended, 400)
    assert {name for name, one in ended.report["stages"].items() if one["restarts"]} == set(stages)


@pytest.mark.long
def test_the_shipped_branches_complete_though_one_of_them_is_killed(tmp_path: Path) -> None:
    """The real stages: one segmentation and one source for three files."""
    clip = make_clip(tmp_path / "in.mp4", 30)
    sets = [f"--set={one}.codec=ffv1" for one in ("output", "original", "side-by-side")]
    sets += ["--set=inpainting.model=telea", "--set=segmentation.size=64", "--set=segmentation.engine=torch"]
    outputs = ["out.mkv", "out-original.mkv", "out-side-by-side.mkv"]
    run = Run(tmp_path, "compare", "-i", str(clip), "-o", str(tmp_path / "out.mkv"), *sets)
    wait_until(lambda: (tmp_path / "out-original.mkv.part").exists() and bool(run.workers("original")), timeout=90)
    run.workers("original")[0].kill()
    ended = run.end(120)
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["original"]["restarts"] == 1
    assert ended.frames["output"] == 30
    assert [len(decode(tmp_path / name)) for name in outputs] == [30, 30, 30]
    assert {name: facts["frames"] for name, facts in ended.report["outputs"].items()} == {
        "original": 30,
        "side-by-side": 30,
        "output": 30,
    }
