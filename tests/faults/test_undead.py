"""A worker that SIGKILL does not end: it hangs in the kernel, in a driver that never returns.

No test can hang a process in the kernel; here the supervisor's kill of it does nothing, and it stays frozen for good.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml

from pipeline.books import Books
from pipeline.config import load_config
from pipeline.crew import Crew, Member
from pipeline.process import LONGEST_DEATH, Process
from pipeline.run import Result, run_plan
from pipeline.runlog import RunLog
from pipeline.watch import Watch
from tests.ledgers import Play, line
from tests.runs import toy

pytestmark = [
    pytest.mark.fault("A16"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # it is: that is the fault
]
DYE = {"name": "dye", "uses": "tests.toys_live:Dye"}
INVERT = {"name": "invert", "uses": "tests.toys:Invert"}


class Undead:
    """Freezes the first worker of a stage when it has done some frames, and lets no kill come through to it."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.pid = 0

    def look(self, supervisor: Any) -> None:
        if self.pid or supervisor.ledger.fates["output"] < 5:
            return
        member = next(m for m in supervisor.crew.members.values() if supervisor.books.names[m.stage] == self.stage)
        self.pid = member.process.pid
        os.kill(self.pid, signal.SIGSTOP)

    def end(self) -> None:
        if self.pid:
            psutil.Process(self.pid).kill()
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            gc.collect()  # a run's ring of references
            subprocess.run(["true"], check=True)  # a child that is started reaps those that were left
            with pytest.raises(ChildProcessError):
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG)


@pytest.fixture
def undead(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Undead]:
    chosen = Undead(request.param)
    kill = Process.kill

    def spare(process: Process) -> None:
        process.kill_sent = True
        if process.pid != chosen.pid:
            kill(process)

    monkeypatch.setattr(Process, "kill", spare)
    monkeypatch.setattr("pipeline.process.KILL_GROUP", lambda pid, number: pid == chosen.pid or os.killpg(pid, number))
    yield chosen
    chosen.end()


def go(folder: Path, undead: Undead, **top: Any) -> Result:
    config = toy(folder, DYE, INVERT, sink="CollectWithMask", **top)
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(config))
    return run_plan(load_config(str(path), sets=["ingest.count=400"]), tick=undead.look)


@pytest.mark.parametrize("undead", ["dye"], indirect=True)
def test_its_frames_go_out_blank_its_slots_stay_shut_and_another_goes_on(tmp_path: Path, undead: Undead) -> None:
    result = go(tmp_path, undead, slots=8)
    report = result.report
    assert report["result"] == "completed_with_errors"
    assert report["ledger_balanced"]
    assert report["frames"]["accepted"] == 400
    assert report["frames"]["blanked"] in (1, 2), "what it held, and nothing else"
    assert report["runtime"]["quarantined_slots"] in (1, 2)
    assert any("was killed and does not end" in note for note in report["notes"])
    lines = [[int(word) for word in line.split()] for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert [line[0] for line in lines] == list(range(400))
    assert sum(line[2] for line in lines) == report["frames"]["blanked"]


@pytest.mark.long
@pytest.mark.parametrize("undead", ["output"], indirect=True)
def test_a_sink_that_does_not_die_ends_the_run_in_words(tmp_path: Path, undead: Undead) -> None:
    result = go(tmp_path, undead)
    assert result.code == 4
    assert result.error is not None
    assert "output 0: process" in result.error
    assert "does not end" in result.error


@pytest.mark.long
@pytest.mark.parametrize("undead", ["ingest"], indirect=True)
def test_a_source_that_does_not_die_costs_slots_and_no_frame(tmp_path: Path, undead: Undead) -> None:
    result = go(tmp_path, undead, slots=8)
    assert result.code == 0, result.error
    assert result.report["frames"]["output"] == 400
    assert result.report["runtime"]["quarantined_slots"] in (1, 2)


def test_with_more_than_half_of_the_ring_shut_the_run_ends_in_words(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(toy(tmp_path, INVERT)))
    plan = load_config(str(path))
    play = Play(line("invert", credits=2), 3)
    play.bring(2)
    play.grant()
    log, ends = RunLog(told=lambda _: None), []
    crew = Crew(plan.stages, "ipc:///nowhere", log)
    member = Member(1, 0, play.numbers["invert"], b"invert", SimpleNamespace(kill_sent=True, pid=7), 0.0, "ready")
    crew.members[member.incarnation] = member
    watch = Watch(plan, play.ledger, crew, Books(plan, log), SimpleNamespace(), lambda *end: ends.append(end), print)
    watch.look_after(0.0)
    assert ends == []
    watch.look_after(LONGEST_DEATH + 0.1)
    log.close()
    assert [(code, "more than half of the ring" in words) for code, words in ends] == [(4, True)]
