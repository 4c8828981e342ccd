"""Signals from the user and from the system: the file is finished; the second time it ends at once."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import supervisor
from pipeline.admin import ask
from pipeline.requests import Status
from tests.faults.health import assert_healthy_or_down, processes_of, within
from tests.faults.inside import Inside
from tests.faults.mortal import expected, mortal
from tests.faults.sampling import sample
from tests.runs import COMMAND, ROOT, Ended, Run
from tests.waiting import wait_until

ENDLESS = {"count": 1_000_000, "sleep": 0.005}
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}


def in_flight(folder: Path, *, under: tuple[str, ...] = (), **options: dict[str, Any]) -> Run:
    run = Run(folder, mortal(folder, **{"ingest": ENDLESS, **options}), under=under)
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 20)
    return run


def assert_finished(run: Run, ended: Ended, code: int) -> None:
    """Everything that was taken in is in the file."""
    assert ended.code == code, ended.stderr
    assert ended.report["result"] == "interrupted"
    assert ended.frames["accepted"] == ended.frames["output"] == len(run.lines())
    assert run.lines() == expected(len(run.lines()))
    assert ended.report["runtime"]["deaths"] == []
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("A14")
@pytest.mark.parametrize(
    "number", sample(signal.SIGTERM, signal.SIGHUP, rarely=(signal.SIGINT,)), ids=lambda number: number.name
)
def test_a_run_that_is_asked_to_end_finishes_what_it_has_taken_in(tmp_path: Path, number: signal.Signals) -> None:
    run = in_flight(tmp_path)
    run.process.send_signal(number)
    assert_finished(run, run.end(timeout=within(10)), CODES[number])


@pytest.mark.alone
@pytest.mark.fault("A14")
@pytest.mark.parametrize(
    "number", sample(signal.SIGTERM, rarely=(signal.SIGINT, signal.SIGHUP)), ids=lambda number: number.name
)
def test_a_run_that_is_asked_twice_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """Frames take so long that finishing them would take seconds."""
    run = in_flight(tmp_path, output={"sleep": 0.8})
    run.process.send_signal(number)
    wait_until(lambda: states(run, "ingest") & {"draining", "done"} != set())
    begun = time.monotonic()
    run.process.send_signal(number)
    ended = run.end(timeout=within(10))
    assert time.monotonic() - begun <= within(1.0)
    assert ended.code == CODES[number]
    assert ended.stderr.splitlines()[-1] == "cleanplate: interrupted twice: ended at once"
    assert run.lines() == expected(len(run.lines()))
    assert_healthy_or_down(run, ended)


@pytest.mark.alone
@pytest.mark.fault("A14")
@pytest.mark.parametrize(
    "number", sample(signal.SIGINT, rarely=(signal.SIGTERM, signal.SIGHUP)), ids=lambda number: number.name
)
def test_a_run_that_is_asked_to_end_while_it_starts_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    run = Run(tmp_path, mortal(tmp_path, memory={"dies": {"load": -1}, "deed": "sleep in C", "once": ""}))
    wait_until(lambda: run.workers("memory") != [])
    begun = time.monotonic()
    run.process.send_signal(number)
    ended = run.end(timeout=within(10))
    assert time.monotonic() - begun <= within(1.0)
    assert ended.code == CODES[number]
    assert ended.stderr.splitlines()[-1] == "cleanplate: interrupted before the first frame"
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("A14")
def test_control_c_goes_to_the_whole_group_and_no_worker_takes_it_for_its_own(tmp_path: Path) -> None:
    run = in_flight(tmp_path, under=("setsid",))
    for worker in workers_of(run):
        os.kill(worker, signal.SIGINT)
    os.killpg(run.process.pid, signal.SIGINT)
    assert_finished(run, run.end(timeout=within(10)), 130)


def workers_of(run: Run) -> list[int]:
    return [one.pid for one in processes_of(run.folder) if one.pid != run.process.pid]


@pytest.mark.long
@pytest.mark.fault("A14")
@pytest.mark.parametrize("number", sample(signal.SIGTERM, rarely=(signal.SIGHUP,)), ids=lambda number: number.name)
def test_a_system_that_signals_every_process_at_once_gets_a_finished_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    """As systemd does with a service, or `docker stop` with some shells."""
    run = in_flight(tmp_path)
    for pid in (*workers_of(run), run.process.pid):
        os.kill(pid, number)
    ended = run.end(timeout=within(10))
    assert ended.code == CODES[number], ended.stderr
    assert ended.frames["accepted"] == ended.frames["output"]
    assert run.lines() == expected(ended.frames["output"])
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("A14")
def test_frames_that_take_too_long_to_finish_are_dropped_and_the_file_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds in earnest; here one."""
    monkeypatch.setattr(supervisor, "INTERRUPT_S", 1.0)
    asked: list[float] = []

    def interrupt(inside: Inside) -> None:
        if not asked and inside.supervisor.ledger.fates["output"]:
            asked.append(time.monotonic())
            signal.raise_signal(signal.SIGTERM)

    inside = Inside(tmp_path, mortal(tmp_path, ingest=ENDLESS, negative={"sleep": 0.7}), interrupt)
    assert time.monotonic() - asked[0] <= within(5.0)
    assert inside.result.code == 143
    frames = inside.result.report["frames"]
    assert frames["dropped"]["negative"] >= 1
    assert inside.lines() == expected(frames["output"])
    assert inside.result.report["output"]["lines"] == frames["output"], "the sink has completed its file"


@pytest.mark.long
@pytest.mark.fault("A14")
def test_a_terminal_that_is_closed_ends_a_run_like_any_other_signal(tmp_path: Path) -> None:
    """Whatever it says from then on goes nowhere, and that is no reason to fail."""
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(mortal(tmp_path, ingest=ENDLESS)))
    environment = {**os.environ, "CLEANPLATE_STATE": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)}
    words = [*COMMAND, "run", str(path), "--report", str(tmp_path / "report.json")]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, words, environment)
    output = tmp_path / "out.txt"
    wait_until(lambda: output.exists() and output.stat().st_size > 100)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    lines = [[int(word) for word in line.split()] for line in output.read_text().splitlines()]
    assert lines == expected(len(lines))
    assert "interrupted" in (tmp_path / "report.json").read_text()


@pytest.mark.long
@pytest.mark.fault("A14")
def test_a_hang_up_that_is_to_be_ignored_is_ignored(tmp_path: Path) -> None:
    run = Run(tmp_path, mortal(tmp_path, ingest={"sleep": 0.01, "count": 100}), under=["nohup"])
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    run.process.send_signal(signal.SIGHUP)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert run.lines() == expected(100)
    assert_healthy_or_down(run, ended)


def states(run: Run, stage: str) -> set[str]:
    """What the workers of a stage are doing, as the run tells whoever asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(run.folder / "state"))
        answer = ask("mortal", Status())
    return {worker["state"] for worker in answer["stages"][stage]["workers"]}
