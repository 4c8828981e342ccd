"""Processes: their deaths are certain before anything is taken back, and nothing of them stays."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
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


def ends(pidfd: int) -> bool:
    """Whether the process is seen dead within ten seconds; its descriptor may have any number."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(10_000))


def start() -> Process:
    orders = Orders(f"ipc:///tmp/nobody-{os.getpid()}", "toy-0-x", "toy", 0, os.getpid())
    return Process(orders, {**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_killed_process_is_seen_dead_by_its_pidfd_and_buried_with_its_signal() -> None:
    process = start()
    assert not process.dead
    process.kill()
    assert ends(process.pidfd)
    assert process.dead
    assert process.bury() == -9


def test_it_is_the_leader_of_a_session_of_its_own_and_has_a_title() -> None:
    process = start()
    assert os.getsid(process.pid) == process.pid
    wait_until(lambda: " ".join(psutil.Process(process.pid).cmdline()).startswith("cleanplate: toy 0"))
    process.kill()
    process.bury()


def test_death_is_certain_before_it_is_buried_and_stays_so(tmp_path: Path) -> None:
    process = start()
    process.kill()
    wait_until(lambda: process.dead)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, "seen, but not reaped: its number is its own"
    process.kill()
    process.bury()
    assert process.dead
    assert not psutil.pid_exists(process.pid)


def test_a_frozen_process_is_killed_like_any_other() -> None:
    process = start()
    psutil.Process(process.pid).suspend()
    assert not process.dead
    process.kill()
    assert ends(process.pidfd)
    assert process.bury() == -9


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Process:
    """A process that runs this script instead of a worker."""
    path = folder / "stand-in"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o700)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(path))
        return start()


def test_what_it_started_dies_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = stand_in(tmp_path, monkeypatch, "sleep 600 &\nsleep 600 &\nwait\n")
    wait_until(lambda: len(psutil.Process(process.pid).children()) == 2)
    grandchildren = psutil.Process(process.pid).children()
    grandchildren[0].suspend()
    process.kill()
    assert ends(process.pidfd)
    assert process.bury() == -9
    wait_until(lambda: all(is_over(one) for one in grandchildren))


def is_over(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_outlived_it_in_its_group_is_ended_when_it_is_buried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = stand_in(tmp_path, monkeypatch, f"sleep 600 &\necho $! > {tmp_path}/orphan\nexit 3\n")
    wait_until(lambda: process.dead)
    orphan = psutil.Process(int((tmp_path / "orphan").read_text()))
    assert orphan.is_running()
    assert process.bury() == 3
    wait_until(lambda: is_over(orphan))


def test_a_process_that_dies_before_it_has_its_orders_is_dead_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    for _ in range(30):
        process = start()
        wait_until(lambda process=process: process.dead)
        assert process.bury() == 0


PARENT = """
import os, signal, sys
from tests.test_process import start
process = start()
print(process.pid, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("frozen", [False, True], ids=["awake", "frozen"])
def test_it_dies_with_the_process_that_started_it(frozen: bool) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(lambda: " ".join(child.cmdline()).startswith("cleanplate: toy 0"))
    if frozen:
        child.suspend()
    parent.kill()
    parent.communicate()
    wait_until(lambda: is_over(child), timeout=5)


def test_one_whose_parent_has_gone_already_ends_by_itself() -> None:
    code = "from pipeline.lifeline import die_with_parent; die_with_parent(1 << 22); print('still here')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")


def test_nothing_is_left_open_after_a_burial() -> None:
    before = set(os.listdir("/proc/self/fd"))
    process = start()
    process.kill()
    process.bury()
    assert set(os.listdir("/proc/self/fd")) == before


def test_somebody_elses_process_is_asked_to_end_while_its_lock_is_held(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    with open(tmp_path / "lock", "w") as held, Watched(sleeper.pid) as watched:
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        assert watched.terminate(tmp_path / "lock")
        assert ends(watched.pidfd)
    assert sleeper.wait() == -signal.SIGTERM


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
