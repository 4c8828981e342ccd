"""kill -9 as a worker enters a system call, in whichever of its threads: no frame is lost, doubled or torn."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.checked import STAGES, chance, check_books, check_output, forgiving
from tests.runs import Run
from tests.waiting import wait_until

EACH = 2  # kills of each stage; eight in all
ENDLESS = 10_000_000
FEW_FRAMES = 1000  # bytes of the output; some fifty lines
OFTEN = 15  # calls within the time in which these are done: what is rarer may not come again


def why_not() -> str:
    """Why no system call can be interfered with here; empty where one can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        tried = trace(child.pid, "-e", "inject=read:signal=SIGKILL:when=1")
        assert child.stdin is not None
        child.stdin.close()  # either it is killed as it reads again, or it ends
        said = tried.communicate(timeout=10)[1]
    return "" if child.returncode == -signal.SIGKILL or "attached" in said else f"strace cannot attach: {said.strip()}"


def trace(pid: int, *options: str) -> subprocess.Popen[str]:
    """strace at a running process and all of its threads; it says a line on stderr when it is there."""
    command = ["strace", "-f", "-p", str(pid), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", autouse=True)
def allowed() -> None:
    if reason := why_not():
        pytest.skip(reason)


@contextmanager
def endless(folder: Path) -> Iterator[tuple[Run, Callable[[], None]]]:
    """A run that goes on until the end of the block, when its output and its books are checked; and: await frames."""
    run = Run(folder, forgiving(folder, count=ENDLESS))

    def size() -> int:
        return run.output.stat().st_size if run.output.exists() else 0

    def flows() -> None:
        before = size()
        wait_until(lambda: size() > before + FEW_FRAMES)

    try:
        flows()
        yield run, flows
        flows()
        run.process.terminate()
        ended = run.end()
    except BaseException:
        run.kill()
        raise
    assert ended.code == 143, ended.stderr
    count = ended.frames["accepted"]
    check_output(run, count)
    check_books(ended, count)
    assert all("signal 9" in death for death in ended.report["runtime"]["deaths"]), ended.report["runtime"]["deaths"]


def worker(run: Run, stage: str) -> psutil.Process:
    """The living worker of a stage; it may have to be started again first."""
    wait_until(lambda: bool(run.workers(stage)))
    return run.workers(stage)[0]


def calls_of(run: Run, stage: str, flows: Callable[[], None]) -> dict[str, int]:
    """The system calls that a worker makes over and over, and how often it makes each over one frame (at least 1)."""
    summary = run.folder / f"{stage}.calls"
    counting = trace(worker(run, stage).pid, "-c", "-o", str(summary))
    assert counting.stderr is not None
    assert "attached" in counting.stderr.readline()
    flows()
    counting.send_signal(signal.SIGINT)
    counting.communicate(timeout=10)
    found = {}
    for line in summary.read_text().splitlines():
        if seen := re.fullmatch(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)", line):
            found[seen[2]] = int(seen[1])
    found.pop("total", None)
    frames = max(1, found.get("sendto", 1))  # one commit each
    often = {call: max(1, round(times / frames)) for call, times in found.items() if times >= OFTEN}
    assert often, found
    return often


def kill_at(run: Run, stage: str, call: str, nth: int) -> None:
    """The worker dies as it enters this system call for the nth time from now on."""
    victim = worker(run, stage)
    trace(victim.pid, "-e", f"inject={call}:signal=SIGKILL:when={nth}").communicate(timeout=30)
    wait_until(lambda: not victim.is_running())


@pytest.mark.fault("A3")
def test_a_worker_killed_at_a_random_system_call_costs_no_frame(tmp_path: Path) -> None:
    rng = chance()
    with endless(tmp_path) as (run, flows):
        for stage in STAGES:
            calls = calls_of(run, stage, flows)
            for _ in range(EACH):
                call, nth = rng.choice(sorted(calls)), rng.randint(1, 5)
                print(f"{stage}: killed at {call} {nth} of {calls}")
                kill_at(run, stage, call, nth)
            flows()


def newborn(run: Run) -> psutil.Process:
    """A worker that has only just been started: it has no title yet, and imports what it needs."""
    found: list[psutil.Process] = []

    def begun() -> bool:
        for child in psutil.Process(run.process.pid).children():
            with suppress(psutil.Error):
                found.extend([child] if "pipeline.worker" in child.cmdline() else [])
        return bool(found)

    wait_until(begun)
    return found[0]


@pytest.mark.long
@pytest.mark.fault("A3")
def test_a_worker_killed_while_python_still_imports_costs_no_frame(tmp_path: Path) -> None:
    rng = chance()
    with endless(tmp_path) as (run, flows):
        for stage in STAGES:
            worker(run, stage).kill()
            victim, nth = newborn(run), rng.randint(1, 300)
            print(f"{stage}: killed at call {nth} after its birth")
            trace(victim.pid, "-e", f"inject=all:signal=SIGKILL:when={nth}").communicate(timeout=30)
            wait_until(lambda victim=victim: not victim.is_running())
            flows()


@pytest.mark.fault("A3")
@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_every_system_call_costs_no_frame(tmp_path: Path, stage: str) -> None:
    with endless(tmp_path) as (run, flows):
        calls = calls_of(run, stage, flows)
        points = list(every(calls))
        for call, nth in points:
            kill_at(run, stage, call, nth)
        print(f"{stage}: {len(points)} kills at {calls}")


def every(calls: dict[str, int]) -> Sequence[tuple[str, int]]:
    """Each call of two frames."""
    return [(call, nth) for call, times in sorted(calls.items()) for nth in range(1, 2 * times + 1)]
