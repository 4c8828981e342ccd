"""Workers that say nothing: frozen for long or for a moment, hung in C, hung over a program of their own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline import crew, supervisor
from pipeline.crew import Member
from tests.faults.health import assert_healthy_or_down, processes_of
from tests.faults.inside import Inside
from tests.faults.mortal import STAGES, Mortal, expected, mortal
from tests.faults.sampling import sample
from tests.runs import Run, toy
from tests.test_process import is_over
from tests.waiting import wait_until

# Over which frames they freeze: the last stage first, so that all of them are frozen at the same time.
AT = {"output": 5, "negative": 8, "memory": 9, "ingest": 10}
MOMENT = Mortal.deadline / 2


def frozen(folder: Path, word: str, deed: str = "stop") -> dict[str, Any]:
    """Every stage freezes at its point of that name; a source has nothing that is called `granted`."""
    at = AT if word in ("granted", "mid_write", "written") else dict.fromkeys(STAGES, -1)
    return mortal(folder, **{stage: {"dies": {word: at[stage]}, "deed": deed} for stage in STAGES})


def silenced(inside: Inside) -> list[str]:
    deaths: list[str] = inside.result.report["runtime"]["deaths"]
    assert all(death.endswith("silent, killed") for death in deaths)
    return sorted({death.split()[0] for death in deaths})


@pytest.mark.fault("A4")
@pytest.mark.parametrize("word", sample("mid_write", rarely=("granted", "written")))
def test_workers_that_freeze_over_a_frame_are_killed_and_only_then_their_slots_come_back(
    tmp_path: Path, word: str
) -> None:
    """While a worker is frozen and lives, it keeps what it holds, however late it is."""
    kept: dict[int, list[int]] = {}

    def act(inside: Inside) -> None:
        for member in inside.supervisor.crew.members.values():
            held = [lease.generation for lease in inside.supervisor.ledger.held(member.incarnation)]
            if is_frozen(member):
                assert held[: len(kept.setdefault(member.incarnation, held))] == kept[member.incarnation]

    inside = Inside(tmp_path, frozen(tmp_path, word), act)
    assert inside.result.code == 0, inside.result.error
    assert inside.lines() == expected(60)
    assert silenced(inside) == sorted(STAGES.keys() - ({"ingest"} if word == "granted" else set()))
    assert any(kept.values()), "somebody was seen frozen with a slot in its hands"


def is_frozen(member: Member) -> bool:
    try:
        return psutil.Process(member.process.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


@pytest.mark.long
@pytest.mark.fault("A4")
def test_a_worker_that_freezes_after_its_commit_gives_back_what_was_granted_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_TEST", "1")
    monkeypatch.setenv("CLEANPLATE_FAULT", f"output:committed:7=stop@{tmp_path}/frozen")
    inside = Inside(tmp_path, mortal(tmp_path))
    assert inside.result.code == 0
    assert inside.lines() == expected(60)
    assert silenced(inside) == ["output"]


@pytest.mark.long
@pytest.mark.fault("A4")
@pytest.mark.parametrize("word", sample("shutdown", rarely=("load",)))
def test_workers_that_freeze_while_they_load_or_end_hold_up_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(crew, "DRAIN_DEADLINE", 1.0)
    monkeypatch.setattr(supervisor, "GOODBYE_S", 1.0)
    inside = Inside(tmp_path, frozen(tmp_path, word))
    assert inside.result.code == 0, inside.result.error
    assert inside.lines() == expected(60)
    assert silenced(inside) == sorted(STAGES if word == "load" else ["ingest", "output"])


@pytest.mark.fault("A4")
def test_a_worker_that_freezes_before_it_says_hello_is_killed_and_another_one_started(
    tmp_path: Path,
) -> None:
    done: list[int] = []

    def freeze_one(inside: Inside) -> None:
        born = [member for member in inside.supervisor.crew.members.values() if member.state == "born"]
        if not done and born:
            done.append(born[-1].process.pid)
            os.kill(done[0], signal.SIGSTOP)
            born[-1].deadline = 1.0  # instead of a minute

    inside = Inside(tmp_path, mortal(tmp_path), freeze_one)
    assert inside.result.code == 0, inside.result.error
    assert inside.lines() == expected(60)
    assert silenced(inside) == ["output"]


@pytest.mark.long
@pytest.mark.fault("A4")
def test_another_run_does_not_notice_that_a_worker_is_frozen(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = Run(tmp_path / "one", toy(tmp_path / "one"), "--set", "ingest.count=100000")
    wait_until(lambda: one.output.exists() and one.output.stat().st_size > 50)
    one.workers("invert")[0].suspend()
    other = Run(tmp_path / "other", toy(tmp_path / "other"))
    ended = other.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["runtime"]["deaths"] == []
    assert_healthy_or_down(other, ended)
    wait_until(lambda: "invert 0: nothing heard for 2 s (ready), killed" in (tmp_path / "one" / "stderr").read_text())
    one.process.send_signal(signal.SIGTERM)
    assert one.end().code == 143


@pytest.mark.fault("A5")
def test_workers_that_are_frozen_for_half_their_deadline_are_left_alone(tmp_path: Path) -> None:
    """Each with a frame in its hands."""
    todo = set(STAGES)
    frozen_at: dict[int, float] = {}

    def act(inside: Inside) -> None:
        now = time.monotonic()
        for stage in sorted(todo):
            for member in inside.workers(stage)[:1]:
                if inside.holds(member) and inside.supervisor.ledger.accepted > 5:
                    os.kill(member.process.pid, signal.SIGSTOP)
                    frozen_at[member.process.pid] = now
                    todo.discard(stage)
        for pid in [pid for pid, at in frozen_at.items() if now - at > MOMENT]:
            os.kill(pid, signal.SIGCONT)
            del frozen_at[pid]

    inside = Inside(tmp_path, mortal(tmp_path, **{stage: {"sleep": 0.02} for stage in STAGES}), act)
    assert not todo
    assert inside.result.code == 0
    assert inside.lines() == expected(60)
    assert inside.result.report["runtime"]["deaths"] == []
    assert inside.result.report["runtime"]["stale_messages"] == 0
    assert inside.result.report["latency_ms"]["p99"] >= 1000 * MOMENT * 0.9, "they were really frozen"


@pytest.mark.fault("A6")
@pytest.mark.parametrize("deed", sample("regex", rarely=("sleep in C",)))
def test_a_stage_that_hangs_in_c_is_noticed_and_its_frame_done_again(tmp_path: Path, deed: str) -> None:
    """With the interpreter's lock held or not: a sign of life comes from the work loop, never from a thread beside."""
    options = {stage: {"dies": {"mid_write": AT[stage]}, "deed": deed} for stage in ("memory", "negative")}
    inside = Inside(tmp_path, mortal(tmp_path, **options))
    assert inside.result.code == 0, inside.result.error
    assert inside.lines() == expected(60)
    assert silenced(inside) == ["memory", "negative"]


def programs_of(run: Run) -> list[psutil.Process]:
    return [one for one in processes_of(run.folder) if one.name() == "sleep"]


@pytest.mark.fault("A8")
@pytest.mark.parametrize("fate", sample("hung", "orphaned", rarely=("frozen",)))
def test_a_program_of_a_stage_ends_with_its_worker(tmp_path: Path, fate: str) -> None:
    """It hangs, and its worker with it; it is frozen; its worker is killed."""
    run = Run(tmp_path, mortal(tmp_path, negative={"dies": {"mid_write": 8}, "deed": "child"}))
    wait_until(lambda: len(programs_of(run)) == 1)
    program = programs_of(run)[0]
    worker = program.parent()
    assert worker is not None
    if fate == "frozen":
        program.suspend()
    if fate == "orphaned":
        worker.kill()
    ended = run.end()
    assert is_over(program)
    assert ended.code == 0, ended.stderr
    assert run.lines() == expected(60)
    assert ended.report["stages"]["negative"]["restarts"] == 1
    assert_healthy_or_down(run, ended)


@pytest.mark.long
@pytest.mark.fault("A8")
def test_a_program_of_a_stage_that_is_killed_is_the_stages_own_affair(tmp_path: Path) -> None:
    run = Run(tmp_path, mortal(tmp_path, negative={"dies": {"mid_write": 8}, "deed": "child"}))
    wait_until(lambda: len(programs_of(run)) == 1)
    programs_of(run)[0].kill()
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert run.lines() == expected(60)
    assert ended.report["runtime"]["deaths"] == []
    assert_healthy_or_down(run, ended)
