"""A running pipeline is steered from outside: scaled, set, paused; and no frame is lost or comes out of order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.admin import ask
from pipeline.errors import ConfigError
from pipeline.requests import Change, Pause, Resume, Scale, Status
from tests.runs import Run, toy
from tests.waiting import wait_until

DYE = {"name": "dye", "uses": "tests.toys_live:Dye", "with": {"sleep": 0.005}}
INVERT = {"name": "invert", "uses": "tests.toys:Invert"}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the runs of this test."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))


def begin(folder: Path, *middle: dict[str, Any], count: int = 400, fault: str = "", **top: Any) -> Run:
    """A run that has brought out its first frames."""
    config = toy(folder, *(middle or (DYE, INVERT)), sink="CollectWithMask", slots=14, **top)
    config["stages"][0]["with"]["count"] = count
    run = Run(folder, config, "--name", "toy", fault=fault)
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    return run


def workers(run: Run, stage: str = "dye") -> list[int]:
    """Numbers of the workers that are ready."""
    found = ask("toy", Status())["stages"][stage]["workers"]
    return [worker["number"] for worker in found if worker["state"] == "ready"]


def stop_early(run: Run) -> list[list[int]]:
    """Its lines, after it was asked to finish."""
    run.process.terminate()
    assert run.end().code == 143
    lines = run.lines()
    assert [line[:4] for line in lines] == [[i, i, 0, 1] for i in range(len(lines))]
    return lines


def test_the_status_adds_up_and_names_every_worker(tmp_path: Path) -> None:
    run = begin(tmp_path, count=100_000)
    status = ask("toy", Status())
    frames = status["frames"]
    assert frames["accepted"] == frames["output"] + frames["under_way"]
    assert status["ledger_balanced"]
    assert (status["name"], status["pid"], status["phase"]) == ("toy", run.process.pid, "running")
    assert status["slots"]["total"] == 14
    pids = {worker["pid"] for stage in status["stages"].values() for worker in stage["workers"]}
    assert pids == {child.pid for child in psutil.Process(run.process.pid).children()}
    assert status["stages"]["dye"]["live"] == {"level": 1}
    stop_early(run)


def test_scaling_up_and_down_loses_and_reorders_nothing(tmp_path: Path) -> None:
    run = begin(tmp_path, count=100_000)
    assert ask("toy", Scale(stage="dye", workers=4)) == {"stage": "dye", "from": 1, "to": 4, "slots": 14}
    wait_until(lambda: workers(run) == [0, 1, 2, 3])
    before = [worker["frames"] for worker in ask("toy", Status())["stages"]["dye"]["workers"]]
    wait_until(lambda: all(w["frames"] > 3 for w in ask("toy", Status())["stages"]["dye"]["workers"]))
    assert len(before) == 4
    ask("toy", Scale(stage="dye", workers=1))
    wait_until(lambda: workers(run) == [0])
    wait_until(lambda: len(run.workers("dye")) == 1)
    assert len(ask("toy", Status())["deaths"]) == 0, "a worker that leaves is not a death"
    lines = stop_early(run)
    assert len(lines) > 20


@pytest.mark.long
def test_what_a_removed_worker_held_is_finished_first(tmp_path: Path) -> None:
    slow = {**DYE, "with": {"sleep": 0.1}, "workers": 2}
    run = begin(tmp_path, slow, INVERT, count=60)
    ask("toy", Scale(stage="dye", workers=1))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert [line[0] for line in run.lines()] == list(range(60))
    assert ended.report["stages"]["dye"] | {"workers": 1, "restarts": 0} == ended.report["stages"]["dye"]
    assert ended.report["changes"][0]["what"] == "workers (asked)"


@pytest.mark.long
def test_a_worker_too_many_that_cannot_be_set_up_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    unfit = {"name": "dye", "uses": "tests.toys_live:Unfit", "with": {"sleep": 0.01, "refused_by": str(tmp_path / "x")}}
    run = begin(tmp_path, unfit, INVERT, count=300)
    ask("toy", Scale(stage="dye", workers=2))
    wait_until(lambda: ask("toy", Status())["stages"]["dye"]["wanted"] == 1)
    assert "no room for one more" in ask("toy", Status())["notes"][-1]
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] == 300


@pytest.mark.long
def test_a_worker_that_is_still_being_set_up_can_be_taken_back(tmp_path: Path) -> None:
    slow = {**DYE, "with": {"slow_setup": 1.0, "sleep": 0.005}}
    run = begin(tmp_path, slow, INVERT, count=100_000)
    ask("toy", Scale(stage="dye", workers=2))
    wait_until(lambda: len(ask("toy", Status())["stages"]["dye"]["workers"]) == 2)
    ask("toy", Scale(stage="dye", workers=1))
    wait_until(lambda: len(run.workers("dye")) == 1)
    stop_early(run)


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of which nothing is asked that it does."""
    run = begin(tmp_path_factory.mktemp("unmoved"), count=100_000)
    yield run
    assert {line[4] for line in stop_early(run)} == {1}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Scale(stage="dy", workers=2), "no stage 'dy'; did you mean 'dye'"),
        (Scale(stage="output", workers=2), "keeps state"),
        (Change(stage="dye", field="fixed", value=3), "cannot be changed while it runs"),
        (Change(stage="dye", field="levle", value=3), "did you mean 'level'"),
        (Change(stage="dye", field="level", value=-3), "level"),
        (Change(stage="dye", field="level", value="much"), "level"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_changes(
    unmoved: Run, monkeypatch: pytest.MonkeyPatch, request_: Any, words: str
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(unmoved.folder / "state"))
    before = ask("toy", Status())["stages"]["dye"]
    with pytest.raises(ConfigError, match=r"^toy: ") as refusal:
        ask("toy", request_)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    after = ask("toy", Status())["stages"]["dye"]
    assert (before["live"], before["wanted"]) == (after["live"], after["wanted"])
    seen = len(unmoved.lines())
    wait_until(lambda: len(unmoved.lines()) > seen + 10)
    assert {line[4] for line in unmoved.lines()} == {1}


def test_a_live_field_changes_between_two_frames_for_all_workers_at_once(tmp_path: Path) -> None:
    run = begin(tmp_path, {**DYE, "workers": 3}, INVERT, count=100_000)
    answer = ask("toy", Change(stage="dye", field="level", value=77))
    assert answer == {"stage": "dye", "field": "level", "from": 1, "to": 77}
    seen = len(run.lines())
    wait_until(lambda: len(run.lines()) > seen + 30)
    levels = [line[4] for line in stop_early(run)]
    assert levels == [1] * levels.index(77) + [77] * (len(levels) - levels.index(77)), "old and new are mixed"


def test_a_value_that_one_worker_refuses_is_rolled_back_at_all(tmp_path: Path) -> None:
    picky = {"sleep": 0.005, "refuses": 50, "refused_by": str(tmp_path / "refused")}
    run = begin(tmp_path, {**DYE, "with": picky, "workers": 3}, INVERT, count=100_000)
    with pytest.raises(ConfigError, match="50 is a level that nobody likes"):
        ask("toy", Change(stage="dye", field="level", value=50))
    assert ask("toy", Status())["stages"]["dye"]["live"] == {"level": 1}
    assert ask("toy", Change(stage="dye", field="level", value=51))["to"] == 51
    wait_until(lambda: run.lines()[-1][4] == 51)
    assert {line[4] for line in stop_early(run)} == {1, 51}


def test_a_successor_begins_with_what_was_set(tmp_path: Path) -> None:
    run = begin(tmp_path, count=100_000)
    ask("toy", Change(stage="dye", field="level", value=9))
    run.workers("dye")[0].kill()
    wait_until(lambda: ask("toy", Status())["stages"]["dye"]["restarts"] == 1 and workers(run) == [0])
    seen = len(run.lines())
    wait_until(lambda: len(run.lines()) > seen + 20)
    levels = [line[4] for line in stop_early(run)]
    assert levels[-10:] == [9] * 10
    assert sorted(levels) == levels


@pytest.mark.long
def test_a_worker_killed_while_it_is_told_of_a_change_holds_up_nobody(tmp_path: Path) -> None:
    run = begin(tmp_path, {**DYE, "workers": 2}, INVERT, count=100_000)
    run.workers("dye")[0].suspend()
    answer = ask("toy", Change(stage="dye", field="level", value=9), timeout_s=30)
    assert answer["to"] == 9
    seen = len(run.lines())
    wait_until(lambda: len(run.lines()) > seen + 20)
    assert stop_early(run)[-1][4] == 9


@pytest.mark.long
def test_a_pause_brings_in_nothing_and_loses_nothing(tmp_path: Path) -> None:
    run = begin(tmp_path, count=300)
    frame = ask("toy", Pause())["frame"]
    wait_until(lambda: ask("toy", Status())["frames"]["under_way"] == 0)
    status = ask("toy", Status())
    assert status["phase"] == "paused"
    assert frame <= status["frames"]["accepted"] <= frame + 2
    ask("toy", Resume())
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert [line[0] for line in run.lines()] == list(range(300))


@pytest.mark.long
def test_a_paused_run_can_be_stopped(tmp_path: Path) -> None:
    run = begin(tmp_path, count=100_000)
    ask("toy", Pause())
    stop_early(run)


@pytest.mark.long
def test_autoscaling_follows_the_backlog_up_and_down(tmp_path: Path) -> None:
    """A stage of 20 ms behind a source without end: it is the bottleneck until the sink is; then frames run out."""
    slow = {**DYE, "with": {"sleep": 0.05}, "autoscale": {"min": 1, "max": 3}}
    run = begin(tmp_path, slow, INVERT, count=100_000)
    wait_until(lambda: workers(run) == [0, 1, 2], timeout=40)
    ask("toy", Pause())
    wait_until(lambda: workers(run) == [0, 1, 2])
    ask("toy", Resume())
    stop_early(run)


@pytest.mark.long
def test_whoever_asks_while_the_last_workers_end_is_answered(tmp_path: Path) -> None:
    run = begin(tmp_path, {**DYE, "uses": "tests.toys_live:Lingering"}, INVERT, count=100)
    wait_until(lambda: ask("toy", Status())["phase"] == "ended")
    with pytest.raises(ConfigError, match="coming to its end"):
        ask("toy", Scale(stage="dye", workers=2))
    assert run.end().code == 0


def test_a_pipeline_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pipeline called 'nobody' is running"):
        ask("nobody", Status())
