"""Kills beyond the runtime's own fault points: before a worker has said Hello, in the middle of a picture, at rest."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from pipeline.crew import Member
from tests.faults.health import assert_healthy_or_down, within
from tests.faults.inside import Inside
from tests.faults.mortal import STAGES, expected, mortal
from tests.runs import Run
from tests.thorough import rarely

COUNT = 60
# Where in its own code each stage dies, once: point, and over which frame.
IN_STAGES = {
    "mid_write": {"ingest": 5, "memory": 15, "negative": 25, "output": 35},
    "during_model_load": dict.fromkeys(STAGES, -1),
    "during_shutdown": dict.fromkeys(STAGES, -1),
}
WORDS = {"during_model_load": "load", "during_shutdown": "shutdown"}

DYING_EARLY = """
import os, signal, sys
words = sys.orig_argv
if "pipeline.worker" in words:
    try:
        os.close(os.open(f"{os.environ['ONCE']}/{words[-1]}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        pass
    else:
        def die(event, args):
            if event == "import" and args[0] == MODULE:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(die)
"""
# The first thing a worker imports, and the last thing it does before it connects and says Hello.
BEFORE_HELLO = {"before its orders": "zmq", "with its orders": "setproctitle"}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The output of a run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("clean")
    run = Run(folder, mortal(folder))
    assert run.end().code == 0
    assert run.lines() == expected(COUNT)
    return run.output.read_bytes()


@pytest.mark.fault("A1")
@pytest.mark.parametrize("point", ["mid_write", *rarely("during_model_load", "during_shutdown")])
def test_a_kill_in_the_code_of_each_stage_leaves_the_result_as_it_is(tmp_path: Path, point: str, clean: bytes) -> None:
    word = WORDS.get(point, point)
    options = {stage: {"dies": {word: at}} for stage, at in IN_STAGES[point].items()}
    run = Run(tmp_path, mortal(tmp_path, **options))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert run.output.read_bytes() == clean
    assert len(list((tmp_path / "once").iterdir())) == len(STAGES), "each stage has died there"
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("A1")
@pytest.mark.parametrize("when", ["with its orders", *rarely("before its orders")])
def test_workers_killed_before_they_say_hello_are_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, clean: bytes
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DYING_EARLY.replace("MODULE", repr(BEFORE_HELLO[when])))
    config = mortal(tmp_path)
    monkeypatch.setenv("ONCE", str(tmp_path / "once"))
    run = Run(tmp_path, config, under=["env", f"PYTHONPATH={tmp_path / 'site'}:."])
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert len(list((tmp_path / "once").iterdir())) == len(STAGES) + 1, "each worker has died there"
    assert len(ended.report["runtime"]["deaths"]) == len(STAGES) + 1
    assert run.output.read_bytes() == clean
    assert_healthy_or_down(run, ended)


@pytest.mark.alone
@pytest.mark.fault("A1")
def test_kills_of_workers_at_rest_are_seen_within_100_ms_and_repaired_within_3_s(tmp_path: Path) -> None:
    """One after the other; the middle one of the times, for the machine may be busy with something else."""
    todo = list(STAGES)
    seen: list[float] = []
    repaired: list[float] = []
    killed_at = 0.0
    victim = None

    def act(inside: Inside) -> None:
        nonlocal killed_at, victim
        now = time.monotonic()
        if victim is not None:
            if victim.incarnation in inside.supervisor.crew.members:
                return
            if len(seen) == len(repaired):
                seen.append(now - killed_at)
            if len(inside.workers(todo[0])) < (2 if todo[0] == "negative" else 1):
                return
            repaired.append(now - killed_at)
            victim = None
            todo.pop(0)
        at_rest = (
            [one for one in inside.workers(todo[0]) if todo[0] == "ingest" or not inside.holds(one)] if todo else []
        )
        if at_rest and inside.supervisor.ledger.accepted:
            victim, killed_at = at_rest[0], now
            victim.process.kill()

    inside = Inside(tmp_path, mortal(tmp_path, ingest={"sleep": 0.03, "count": 150}), act)
    print(f"{seen = }, {repaired = }")
    assert not todo
    assert inside.result.code == 0
    assert inside.lines() == expected(150)
    assert statistics.median(seen) <= within(0.1)
    assert statistics.median(repaired) <= within(3.0)


def may_die(inside: Inside, worker: Member) -> bool:
    """Whether it rests; a source never does: it always holds the frame that comes next."""
    return worker.stage == 0 or not inside.holds(worker)
