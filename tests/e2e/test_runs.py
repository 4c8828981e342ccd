"""Whole runs of toy stages in real processes: order, fates, exit codes, signals."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.commands import cleanplate
from tests.runs import Run, toy
from tests.waiting import wait_until

INVERT = {"name": "invert", "uses": "tests.toys:Invert"}


def whole(run: Run, count: int) -> bool:
    """Every frame once, in order, each byte right."""
    return [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(count)]


def test_every_frame_comes_out_once_in_order_and_byte_for_byte(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert whole(run, 60)
    assert ended.frames == {"accepted": 60, "output": 60, "blanked": 0, "dropped": {}, "rejected": 0}
    assert ended.report["ledger_balanced"]
    assert ended.report["result"] == "completed"
    assert ended.report["output"] == {"lines": 60}


@pytest.mark.long
def test_several_workers_keep_the_order(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, {**INVERT, "workers": 3, "with": {"sleep": 0.01}}))
    assert run.end().code == 0
    assert whole(run, 60)


@pytest.mark.long
def test_lasting_memory_is_carried_from_frame_to_frame(tmp_path: Path) -> None:
    total = {"name": "total", "uses": "tests.toys:Sum"}
    run = Run(tmp_path, toy(tmp_path, INVERT, total, sink="CollectWithMask"))
    assert run.end().code == 0
    assert [line[4] for line in run.lines()] == [sum(range(i + 1)) % 251 for i in range(60)]


def test_no_more_frames_are_taken_than_were_asked_for(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--frames", "7")
    assert run.end().code == 0
    assert whole(run, 7)


def test_rejected_frames_are_counted_and_go_no_further(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "ingest.rejects=[3, 4]")
    ended = run.end()
    assert ended.code == 0
    assert ended.frames["rejected"] == 2
    assert ended.report["stages"]["ingest"]["counts"] == {"rejected: told to": 2}
    assert [line[0] for line in run.lines()] == [i for i in range(60) if i not in (3, 4)]


def test_a_frame_whose_stage_raises_goes_out_blank_and_the_run_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "invert.poison=5")
    ended = run.end()
    assert ended.code == 4
    assert ended.report["result"] == "completed_with_errors"
    assert ended.frames["blanked"] == 1
    assert [line[0] for line in run.lines() if line[2]] == [5]
    assert "told to break" in ended.report["faults"][0]
    assert len(run.lines()) == 60


@pytest.mark.long
def test_on_error_stop_ends_the_run_at_the_first_exception(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--set", "invert.poison=5", "--set", "invert.on_error=stop").end()
    assert ended.code == 4
    assert "invert: ValueError: told to break" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_stage_that_fails_every_frame_ends_the_run(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--set", "invert.broken=true").end()
    assert ended.code == 4
    assert ended.report["result"] == "failed"


def test_a_stage_that_cannot_be_set_up_is_not_tried_again(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--set", "invert.unset=true").end()
    assert ended.code == 3
    assert ended.report["stages"]["invert"]["restarts"] == 0
    assert "invert: told not to set up" in ended.stderr


@pytest.mark.fault("B2")
def test_a_sink_that_cannot_write_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--set", "output.full_at=9").end()
    assert ended.code == 4
    assert "No space left on device" in ended.stderr
    frames = ended.frames
    assert frames["accepted"] == frames["output"] + frames["blanked"] + sum(frames["dropped"].values())


@pytest.mark.fault("B1")
def test_a_live_source_never_waits_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, {**INVERT, "with": {"sleep": 0.02}}, source="LiveNumbers"))
    ended = run.end()
    assert ended.code == 0
    assert ended.frames["dropped"]["invert"] > 0
    assert ended.frames["output"] + sum(ended.frames["dropped"].values()) == 60
    indices = [line[0] for line in run.lines()]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_what_is_under_way(tmp_path: Path, number: signal.Signals, code: int) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "ingest.count=100000")
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    run.process.send_signal(number)
    ended = run.end()
    assert ended.code == code
    assert ended.report["result"] == "interrupted"
    assert ended.frames["output"] == ended.frames["accepted"] == len(run.lines())


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "ingest.count=100000", "--set", "output.sleep=5")
    wait_until(lambda: run.output.exists() and bool(run.workers("output")))
    wait_until(lambda: len(run.workers("invert")) == 1)
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGTERM)
    assert run.end(timeout=10).code in (130, 143)


@pytest.mark.long
def test_a_run_can_be_seen_and_stopped_by_its_name(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", "ingest.count=100000", "--name", "mine")
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    state = {"CLEANPLATE_STATE": str(tmp_path / "state")}
    seen = json.loads(cleanplate("ps", "--json", env=state).stdout)
    assert [(one["name"], one["pid"]) for one in seen] == [("mine", run.process.pid)]
    assert cleanplate("stop", "mien", env=state).returncode == 2
    stopped = cleanplate("stop", "mine", env=state)
    assert stopped.returncode == 0
    assert stopped.stdout == "mine ended\n"
    assert run.end().code == 143
    assert not (tmp_path / "state" / "mine").exists()
    assert not list((tmp_path / "state" / "outputs").iterdir())
