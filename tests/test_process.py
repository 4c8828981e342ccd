"""Processes: their deaths are certain before anything is taken back, and nothing of them stays."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.errors import RunError
from pipeline.lifeline import Orders
from pipeline.process import Process, Watched
from tests.runs import ROOT
from tests.waiting import wait_until


def start() -> Process:
    orders = Orders(f"ipc:///tmp/nobody-{os.getpid()}", "toy-0-x", "toy", 0, os.getpid())
    return Process(orders, {**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_killed_process_is_seen_dead_by_its_pidfd_and_buried_with_its_signal() -> None:
    process = start()
    assert not process.dead
    process.kill()
    assert select.select([process.pidfd], [], [], 10)[0]
    assert process.dead
    assert process.bury() == -9


def test_it_is_the_leader_of_a_session_of_its_own_and_has_a_title() -> None:
    process = start()
    assert os.getsid(process.pid) == process.pid
    wait_until(lambda: " ".join(psutil.Process(process.pid).cmdline()).startswith("cleanplate: toy 0"))
    process.kill()
    process.bury()


def test_what_it_started_dies_with_it(tmp_path: Path) -> None:
    """A process group with a worker and its child: burying the worker ends the child."""
    code = "import subprocess,sys; c=subprocess.Popen(['sleep','600']); print(c.pid, flush=True); c.wait()"
    process = start()
    process.kill()
    select.select([process.pidfd], [], [], 10)
    process.bury()
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdout is not None
    grandchild = psutil.Process(int(child.stdout.readline()))
    stand_in = Process.__new__(Process)
    stand_in.pid, stand_in._child, stand_in.pidfd = child.pid, child, os.pidfd_open(child.pid)
    stand_in.lifeline = start_lifeline()
    stand_in.kill()
    select.select([stand_in.pidfd], [], [], 10)
    assert stand_in.bury() == -9
    child.stdout.close()
    wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def start_lifeline():
    from pipeline.lifeline import Lifeline

    ours, theirs = Lifeline.pair()
    theirs.close()
    return ours


def test_somebody_elses_process_is_not_signalled_when_its_lock_is_free(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    lock = tmp_path / "lock"
    lock.touch()
    with Watched(sleeper.pid) as watched:
        assert not watched.terminate(lock)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_a_process_that_has_gone_is_said_to_have_gone() -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    with pytest.raises(RunError, match="has just ended"):
        Watched(done.pid)
