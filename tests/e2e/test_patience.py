"""What stages do while nothing happens: a source that waits hears that the run ends, a sink is told that it waits."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from pipeline.admin import ask
from pipeline.requests import Status
from tests.runs import Run
from tests.waiting import wait_until

pytestmark = pytest.mark.real


def patient(folder: Path, **options: Any) -> dict[str, Any]:
    return {
        "name": "patient",
        "on_full": "block",
        "stages": [
            {"name": "ingest", "uses": "tests.toys_patient:Silent"},
            {"name": "output", "uses": "tests.toys_patient:Watchful", "with": {"output": str(folder / "n"), **options}},
        ],
    }


def idle(folder: Path) -> int:
    return int((folder / "n").read_text() or 0) if (folder / "n").exists() else 0


def test_a_source_that_waits_hears_an_interrupt_and_ends_by_itself(tmp_path: Path) -> None:
    run = Run(tmp_path, patient(tmp_path))
    wait_until(lambda: idle(tmp_path) > 3)
    run.process.send_signal(signal.SIGINT)
    ended = run.end(timeout=20)
    assert ended.code == 130, ended.stderr
    assert ended.frames == {"accepted": 3, "output": 3, "blanked": 0, "dropped": {}, "rejected": 0}
    assert ended.report["stages"]["ingest"]["counts"] == {"left_when_asked": 1}
    assert ended.report["stages"]["ingest"]["restarts"] == 0


def test_a_sink_whose_user_has_had_enough_ends_the_run_well(tmp_path: Path) -> None:
    ended = Run(tmp_path, patient(tmp_path, enough=5)).end(timeout=30)
    assert ended.code == 0, ended.stderr
    assert ended.report["result"] == "completed"
    assert ended.frames["output"] == 3
    assert ended.report["outputs"]["output"]["idle"] >= 5


@pytest.mark.long
def test_what_a_source_is_doing_stands_in_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, patient(tmp_path))
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    wait_until(lambda: idle(tmp_path) > 3)
    stages = ask("patient", Status())["stages"]
    assert (stages["ingest"]["state"], stages["output"]["state"]) == ("waiting", "")
    run.process.send_signal(signal.SIGTERM)
    ended = run.end(timeout=20)
    assert ended.code == 143
    assert ended.report["outputs"]["output"]["source"] == "waiting"  # the sink was told
