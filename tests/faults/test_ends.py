"""Odd ends: deaths at the very end, words too long for a message, a stage that dies over everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commands import cleanplate
from tests.runs import Run, toy

INVERT = {"name": "invert", "uses": "tests.toys:Invert"}


@pytest.mark.fault("A1")
def test_a_sink_that_dies_after_its_last_word_keeps_nobody_waiting(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), fault=f"output:done:*=kill@{tmp_path}/once").end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] == 60


@pytest.mark.long
@pytest.mark.fault("A1")
def test_of_two_sinks_one_may_die_after_its_last_word(tmp_path: Path) -> None:
    config = toy(tmp_path)
    second = {"output": str(tmp_path / "2.txt"), "slow_finish": 2.0}
    config["stages"].append({"name": "second", "uses": "tests.toys:Collect", "after": "invert", "with": second})
    ended = Run(tmp_path, config, fault=f"output:done:*=kill@{tmp_path}/once").end()
    assert ended.code == 0, ended.stderr
    assert len((tmp_path / "2.txt").read_text().splitlines()) == 60


@pytest.mark.long
@pytest.mark.fault("A10")
def test_a_stage_that_dies_over_every_frame_ends_the_run(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), fault="invert:granted:*=kill").end()
    assert ended.code == 4
    assert ended.report["result"] == "failed"
    assert "died 4 times before a first frame" in ended.stderr
    assert ended.report["stages"]["invert"]["restarts"] < 15


def test_a_stage_that_has_worked_but_cannot_be_set_up_again_is_a_failure_while_running(tmp_path: Path) -> None:
    config = toy(tmp_path, sink="Forgetful")
    ended = Run(tmp_path, config, fault=f"output:before_commit:20=kill@{tmp_path}/once").end()
    assert ended.code == 4
    assert ended.stderr.splitlines()[-1].endswith("out.txt: is gone")
    assert ended.report["ledger_balanced"]


@pytest.mark.long
def test_an_exception_of_any_length_and_any_characters_is_told(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, {**INVERT, "with": {"poison": 5, "words": 90_000}}))
    ended = run.end()
    assert ended.code == 4
    assert ended.frames["blanked"] == 1
    assert "漢" in ended.report["faults"][0]
    assert len(run.lines()) == 60


@pytest.mark.long
def test_a_stage_that_raises_while_closing_does_not_spoil_a_whole_result(tmp_path: Path) -> None:
    broken = {**INVERT, "with": {"broken_close": True}}
    ended = Run(tmp_path, toy(tmp_path, broken), "--set", "invert.on_error=stop").end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["invert"]["failures"] == 0


def test_a_name_that_is_not_unicode_is_refused_in_one_line(tmp_path: Path) -> None:
    done = cleanplate("run", "remove-people", "-i", os.fsdecode(b"/tmp/na\xffme.mp4"), "-o", str(tmp_path / "o.mp4"))
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_options_that_no_message_could_carry_are_refused(tmp_path: Path) -> None:
    done = Run(tmp_path, toy(tmp_path), "--set", f"ingest.rejects={list(range(9000))}").end()
    assert done.code == 2
    assert "bytes of options" in done.stderr
