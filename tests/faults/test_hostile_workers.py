"""A worker that means no good, or a stranger with its name: frames, ledger and output are as they should be."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from pipeline.messages import Commit, Done, Drain, Heartbeat
from pipeline.posts import Verdict
from tests.runs import Ended, Run, toy
from tests.waiting import wait_until

pytestmark = pytest.mark.real


def evil(kind: str, **options: Any) -> dict[str, Any]:
    return {"name": "invert", "uses": f"tests.faults.evil:{kind}", "with": options}


def check_whole(run: Run, ended: Ended, count: int = 60) -> None:
    assert ended.code == 0, ended.stderr
    assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(count)]
    assert ended.report["ledger_balanced"]
    assert ended.report["runtime"]["deaths"] == []


@pytest.mark.fault("H5")
def test_commits_that_are_sent_again_and_again_count_once(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, evil("Replays")))
    ended = run.end()
    check_whole(run, ended)
    assert ended.report["runtime"]["stale_messages"] >= 60 * 2 + sum(range(60))
    assert ended.report["stages"]["invert"]["frames"] == 60


@pytest.mark.fault("H2")
def test_a_worker_that_talks_nonsense_between_its_frames_is_counted_and_its_frames_are_whole(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, evil("Babbles")))
    ended = run.end()
    check_whole(run, ended)
    assert ended.report["runtime"]["stale_messages"] >= 60 * 12
    assert len(ended.report["notes"]) <= 100


@pytest.mark.fault("H2")
def test_a_worker_that_complains_without_end_fills_no_report(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, evil("Lies")), "--set", "ingest.count=120")
    ended = run.end()
    check_whole(run, ended, 120)
    assert len((tmp_path / "report.json").read_bytes()) < 100_000


@pytest.mark.fault("H2")
def test_what_a_worker_tells_the_user_cannot_do_anything_to_his_terminal(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path, evil("Paints")), "--set", "invert.on_error=stop").end()
    assert ended.code == 4
    first, *_, last = ended.stderr.splitlines()
    assert first == "cleanplate: \\x1b]0;yours\\x07 and\\nsomething\\x1b[2K else 漢"
    assert last.startswith("cleanplate: invert: ValueError: \\x1b[31mred\\r\\n")
    assert "\x1b" not in ended.stderr


@pytest.mark.fault("H4", "H5")
def test_a_stranger_with_a_workers_name_takes_nothing_over_and_is_not_heard(tmp_path: Path) -> None:
    """He knows all there is to know: the name, every slot, and every generation that can have been granted."""
    told = tmp_path / "identity"
    run = Run(tmp_path, toy(tmp_path, evil("Betrays", told=str(told))), "--set", "ingest.count=1000000")
    wait_until(told.exists)
    identity = told.read_bytes()
    with zmq.Context() as context, context.socket(zmq.DEALER) as thief:
        thief.setsockopt(zmq.IDENTITY, identity)
        thief.setsockopt(zmq.LINGER, 0)
        thief.connect(f"ipc://{tmp_path / 'state' / 'toy' / 'control'}")
        for message in (Heartbeat(), Done(), Drain()):
            thief.send(message.pack())
        with suppress(zmq.Again):  # nobody reads them: the queue is full
            for number in range(20_000):
                thief.send(Commit(number % 16, number // 16, Verdict.DONE).pack(), zmq.DONTWAIT)
        before = run.output.stat().st_size
        wait_until(lambda: run.output.stat().st_size > before + 1000)
        assert not thief.poll(0), "grants still go to the worker alone"
        os.kill(run.process.pid, signal.SIGINT)
        ended = run.end()
    assert ended.code == 130
    assert ended.frames["output"] == ended.frames["accepted"] == len(run.lines())
    check_order(run)
    assert ended.report["runtime"]["stale_messages"] == 0


@pytest.mark.fault("H4", "H5")
def test_the_name_of_a_dead_worker_is_nobodys(tmp_path: Path) -> None:
    told = tmp_path / "identity"
    run = Run(tmp_path, toy(tmp_path, evil("Betrays", told=str(told))), "--set", "ingest.count=1000000")
    wait_until(told.exists)
    old = told.read_bytes()
    run.workers("invert")[0].kill()
    wait_until(lambda: told.read_bytes() != old)
    with zmq.Context() as context, context.socket(zmq.DEALER) as thief:
        thief.setsockopt(zmq.IDENTITY, old)
        thief.setsockopt(zmq.LINGER, 0)
        thief.connect(f"ipc://{tmp_path / 'state' / 'toy' / 'control'}")
        for number in range(500):
            thief.send(Commit(number % 16, number // 16, Verdict.DONE).pack())
        before = run.output.stat().st_size
        wait_until(lambda: run.output.stat().st_size > before + 1000)
        assert not thief.poll(0)
        os.kill(run.process.pid, signal.SIGINT)
        ended = run.end()
    assert ended.code == 130
    check_order(run)
    assert ended.report["runtime"]["stale_messages"] > 0, "heard, and counted"


def check_order(run: Run) -> None:
    assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(len(run.lines()))]
