"""The supervisor itself is killed, frozen, or asked for from the wrong thread; and whom it signals."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.run import run_plan
from tests.faults.health import Vitals, assert_healthy_or_down, processes_of, status_of, within
from tests.faults.mortal import Mortal, expected, mortal
from tests.faults.sampling import sample
from tests.runs import ROOT, Run
from tests.test_process import is_over
from tests.thorough import rarely
from tests.waiting import wait_until

LARGE = {"width": 1920, "height": 1080, "count": 1_000_000}


def shared_memory() -> int:
    """Bytes of shared memory on this machine."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("Shmem:")).split()[1])


def started(folder: Path, **ingest: int) -> Run:
    run = Run(folder, mortal(folder, ingest=ingest), "--name", "mine", under=["setsid"])
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 50)
    return run


@pytest.mark.fault("A11", "A12")
@pytest.mark.parametrize("whom", [*sample("supervisor", rarely=("group",)), *rarely("everybody")])
def test_nothing_is_left_of_a_killed_run_after_two_seconds_and_the_next_one_starts_at_once(
    tmp_path: Path, whom: str
) -> None:
    """With one worker frozen, which cannot notice anything itself."""
    before = shared_memory()
    run = started(tmp_path, **LARGE)
    ring = 100 << 20
    assert shared_memory() >= before + ring
    processes = processes_of(tmp_path)
    run.workers("memory")[0].suspend()
    killed_at = time.monotonic()
    match whom:
        case "supervisor":
            os.kill(run.process.pid, signal.SIGKILL)
        case "group":
            os.killpg(run.process.pid, signal.SIGKILL)
        case "everybody":
            for process in processes:
                process.kill()
    run.process.wait()
    assert len(processes) == 6
    wait_until(lambda: all(map(is_over, processes)), timeout=within(2))
    print(f"gone after {time.monotonic() - killed_at:.3f} s")
    wait_until(lambda: shared_memory() < before + ring / 4, timeout=10)
    assert_healthy_or_down(run)
    again = Run(tmp_path, mortal(tmp_path), "--name", "mine")
    ended = again.end()
    assert ended.code == 0, ended.stderr
    assert again.lines() == expected(60)
    assert_healthy_or_down(again, ended)


@pytest.mark.fault("A13", "G2")
@pytest.mark.parametrize("whom", ["supervisor", *rarely("everybody")])
def test_time_that_stood_still_for_three_deadlines_is_no_healthy_workers_fault(tmp_path: Path, whom: str) -> None:
    """For the supervisor alone: what piled up in its inbox counts before deadlines are judged.

    For everybody, as where a machine sleeps: it wakes up first, and nobody has had a chance to say anything."""
    run = Run(tmp_path, mortal(tmp_path, negative={"sleep": 0.02}, ingest={"count": 200}))
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 50)
    before = Vitals.of(run.process.pid)
    workers = [one for one in processes_of(tmp_path) if one.pid != run.process.pid] if whom == "everybody" else []
    for process in (psutil.Process(run.process.pid), *workers):
        process.suspend()
    with pytest.raises(psutil.TimeoutExpired):
        psutil.Process(run.process.pid).wait(timeout=3.2 * Mortal.deadline)
    os.kill(run.process.pid, signal.SIGCONT)
    assert status_of(run)["phase"] == "running"  # it has looked around
    for process in workers:
        process.resume()
    assert_healthy_or_down(run, before=before)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["runtime"]["deaths"] == []
    assert run.lines() == expected(200)
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("A15")
def test_the_source_signals_no_process_by_a_number_that_may_be_anothers_by_now() -> None:
    """Nothing but pipeline/process.py signals at all, and that through a pidfd, or the group of a zombie it holds; and
    others end children of their own, whose numbers are theirs until they have waited for them."""
    found = []
    for path in sorted((ROOT / "pipeline").rglob("*.py")) + sorted((ROOT / "stages").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("kill", "killpg", "send_signal", "pidfd_send_signal"):
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    own = r".*: (member|process|self|\w+\.process|member\.process)\.kill"
    children = (
        r"pipeline/mps\.py: self\._keeper\.kill|.*/srt\.py: program\.kill|.*/push_carrier\.py: self\._child\.kill"
        r"|pipeline/remote(_lane)?\.py: (self\._)?child\.kill|pipeline/jobs/engine\.py: lane\.remote\.kill"
        r"|pipeline/handle\.py: (self\._)?run\.kill"
        r"|pipeline/web/session\.py: child\.kill|pipeline/web/spawned\.py: self\._process\.kill"
    )
    allowed = re.compile(rf"pipeline/process\.py: .*|{children}|{own}")
    assert [place for place in found if not allowed.fullmatch(place)] == []
    assert [place for place in found if re.search(r"\bos\.kill|psutil", place)] == []


@pytest.mark.long
@pytest.mark.fault("A15")
def test_every_signal_of_a_supervisor_goes_through_a_pidfd_or_to_the_group_of_a_worker_not_yet_reaped(
    tmp_path: Path,
) -> None:
    """As the kernel sees it: two workers are killed for their silence."""
    if not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not there, or not allowed")
    trace = tmp_path / "trace"
    options = {stage: {"dies": {"mid_write": 7}, "deed": "stop"} for stage in ("memory", "output")}
    names = "kill,tkill,tgkill,pidfd_send_signal,wait4,waitid"
    under = ["strace", "-qq", "-e", f"trace={names}", "-e", "signal=none", "-o", str(trace)]
    run = Run(tmp_path, mortal(tmp_path, **options), under=under)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    reaped: set[int] = set()
    deeds = []
    for line in trace.read_text().splitlines():
        if found := re.match(r"wait4\((\d+), .*\) = \1\b", line):
            reaped.add(int(found[1]))
        elif found := re.match(r"(kill|tkill|tgkill|pidfd_send_signal)\((-?\d+), ", line):
            deeds.append(found[1])
            if found[1] == "kill":
                assert int(found[2]) < 0, f"a single process by its number: {line}"
                assert -int(found[2]) not in reaped, f"its number may be another's: {line}"
    assert set(deeds) == {"kill", "pidfd_send_signal"}
    assert deeds.count("pidfd_send_signal") >= 2
    assert len(reaped) >= 7, "five workers, two of them twice"


@pytest.mark.fault("A17")
def test_a_run_is_not_started_from_a_thread_that_could_end_before_it(tmp_path: Path) -> None:
    """The kernel would kill the workers with the thread that started them."""
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(mortal(tmp_path)))
    plan = load_config(str(path))
    with ThreadPoolExecutor() as pool, pytest.raises(ConfigError, match="main thread"):
        pool.submit(run_plan, plan).result()
    assert psutil.Process().children() == []
    assert not (tmp_path / "out.txt").exists()
