"""Kill each stage at each point of its life: the result is that of an undisturbed run."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from tests.faults.health import assert_healthy_or_down
from tests.runs import Run, toy
from tests.thorough import rarely
from tests.waiting import wait_until

POINTS = ("setup:*", "granted:7", "before_commit:7", "committed:7")
EVERY = list(itertools.product(("ingest", "total", "invert", "output"), POINTS))
OFTEN = [*zip(("ingest", "total", "invert", "output"), POINTS, strict=True), ("output", "before_commit:7")]
MIDDLE = (
    {"name": "total", "uses": "tests.toys:Sum"},
    {"name": "invert", "uses": "tests.toys:Invert", "workers": 2},
)


def check_whole(run: Run, count: int) -> None:
    lines = run.lines()
    assert [line[:4] for line in lines] == [[i, i, 0, 1] for i in range(count)]
    assert [line[4] for line in lines] == [sum(range(i + 1)) % 251 for i in range(count)]


@pytest.mark.fault("A1")
@pytest.mark.parametrize(("stage", "point"), [*OFTEN, *rarely(*sorted(set(EVERY) - set(OFTEN)))])
def test_a_worker_killed_at_any_point_costs_no_frame(tmp_path: Path, stage: str, point: str) -> None:
    fault = f"{stage}:{point}=kill@{tmp_path}/once"
    if stage == "ingest":
        fault = fault.replace(":7=", ":-1=" if "granted" in point else ":*=")
    run = Run(tmp_path, toy(tmp_path, *MIDDLE, sink="CollectWithMask"), fault=fault)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    check_whole(run, 60)
    assert ended.frames["output"] == 60
    assert ended.report["stages"][stage]["restarts"] == 1
    assert_healthy_or_down(run, ended)
    assert any("signal 9" in death for death in ended.report["runtime"]["deaths"])


@pytest.mark.fault("A9")
def test_a_frame_that_always_kills_goes_out_blank_and_the_budget_is_untouched(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), fault="invert:granted:20=kill")
    ended = run.end()
    assert ended.code == 4
    assert ended.frames["blanked"] == 1
    assert [line[0] for line in run.lines() if line[2]] == [20]
    assert len(run.lines()) == 60
    # One more where the commit of frame 19 died with the first worker: then 19 is blamed for that, and done again.
    assert ended.report["stages"]["invert"]["restarts"] in (3, 4)


@pytest.mark.long
@pytest.mark.fault("A10")
def test_a_stage_that_always_dies_in_set_up_ends_the_run_in_words(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), fault="invert:setup:*=kill").end()
    assert ended.code == 4
    assert "invert: died 4 times before a first frame (signal 9)" in ended.stderr


@pytest.mark.long
def test_a_retry_of_a_frame_that_raised_once_is_not_seen_outside(tmp_path: Path) -> None:
    """An exception outside the stage's own code ends the worker; another one does the frame again."""
    run = Run(tmp_path, toy(tmp_path), fault=f"invert:before_commit:5=raise@{tmp_path}/once")
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(60)]


@pytest.mark.long
@pytest.mark.fault("A11", "F9")
def test_the_name_and_output_of_a_killed_run_are_free_again(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "ingest.count=1000000", "--name", "mine")
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    run.kill()
    again = Run(tmp_path, toy(tmp_path), "--name", "mine").end()
    assert again.code == 0, again.stderr


@pytest.mark.fault("F7", "F9")
def test_a_second_run_on_the_same_output_or_name_is_refused(tmp_path: Path) -> None:
    first = Run(tmp_path, toy(tmp_path), "--set", "ingest.count=1000000", "--name", "mine")
    wait_until(lambda: first.output.exists() and first.output.stat().st_size > 100)
    same_output = Run(tmp_path, toy(tmp_path)).end()
    assert same_output.code == 2
    assert "another run is writing" in same_output.stderr
    other = toy(tmp_path)
    other["stages"][-1]["with"]["output"] = str(tmp_path / "other.txt")
    same_name = Run(tmp_path, other, "--name", "mine").end()
    assert same_name.code == 2
    assert "--name mine" in same_name.stderr
    first.process.send_signal(signal.SIGTERM)
    assert first.end().code == 143
