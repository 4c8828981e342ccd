"""What must hold after every fault, whichever it was: a run is healthy, or it is down and nothing of it is left."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pipeline.admin import ask
from pipeline.instances import LOGS, OUTPUTS, is_locked
from pipeline.requests import Status
from tests.runs import Ended, Run
from tests.waiting import wait_until

RESULTS = {0: {"completed"}, 3: {"failed"}, 4: {"completed_with_errors", "failed"}}


@dataclass(frozen=True)
class Vitals:
    """What a process holds on to."""

    fds: int
    threads: int
    ring_files: int
    ring_bytes: int  # mapped by itself: a supervisor maps nothing

    def no_more_than(self, before: Vitals) -> bool:
        """Whether nothing has been added; less is no loss: what others have left in the process may have gone."""
        pairs = zip(astuple(self), astuple(before), strict=True)
        return all(now <= then for now, then in pairs)

    @classmethod
    def of(cls, pid: int) -> Vitals:
        links = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile, or the one that lists them
                links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        threads, shared = (
            int(next(line for line in status if line.startswith(word)).split()[1]) for word in ("Threads:", "RssShmem:")
        )
        return cls(len(links), threads, sum("memfd:cleanplate" in link for link in links), shared << 10)


def within(seconds: float) -> float:
    """So long at most on this machine, which may be doing something else as well."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every living process that belongs to the runs in this folder, wherever it hangs in the tree by now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("CLEANPLATE_STATE") == str(folder / "state")
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def assert_healthy_or_down(run: Run, ended: Ended | None = None, *, before: Vitals | None = None) -> None:
    """While it runs: the process tree and what its supervisor holds (`before`: earlier). After it: what is left."""
    if run.process.poll() is None:
        _assert_healthy(run, before)
    else:
        _assert_down(run, ended)


def _assert_healthy(run: Run, before: Vitals | None) -> None:
    stages = yaml.safe_load((run.folder / "toy.yaml").read_text())["stages"]
    wanted = {f"{stage['name']} {number}" for stage in stages for number in range(stage.get("workers", 1))}
    wait_until(lambda: sorted(_titles(run)) == sorted(wanted))
    assert_status_is_true(status_of(run), {child.pid for child in psutil.Process(run.process.pid).children()})
    if before is not None:
        wait_until(lambda: Vitals.of(run.process.pid).no_more_than(before))


def status_of(run: Run) -> dict[str, Any]:
    """What a run tells of itself; its supervisor has looked after its workers before it answers."""
    state = Path(psutil.Process(run.process.pid).environ()["CLEANPLATE_STATE"])
    infos = [json.loads(path.read_text()) for path in state.glob("*/info.json")]
    (name,) = (info["name"] for info in infos if info["pid"] == run.process.pid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(state))
        return ask(name, Status())


def assert_status_is_true(status: dict[str, Any], pids: set[int]) -> None:
    """What a run tells of itself in the middle of a fault: every frame has one fate, every worker is there."""
    frames = status["frames"]
    fates = frames["output"] + frames["blanked"] + sum(frames["dropped"].values()) + frames["rejected"]
    assert status["ledger_balanced"]
    assert frames["accepted"] == fates + frames["under_way"]
    assert {worker["pid"] for stage in status["stages"].values() for worker in stage["workers"]} == pids
    assert 0 <= status["slots"]["free"] <= status["slots"]["total"]


def _titles(run: Run) -> list[str]:
    """What each child of the supervisor calls itself; a dead one counts until it is buried."""
    found = []
    for child in psutil.Process(run.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            dead = child.status() == psutil.STATUS_ZOMBIE
            found.append("dead" if dead else " ".join(child.cmdline()).removeprefix("cleanplate: ").strip())
    return found


def _assert_down(run: Run, ended: Ended | None) -> None:
    wait_until(lambda: processes_of(run.folder) == [], timeout=5)
    assert [name for name in os.listdir("/dev/shm") if "cleanplate" in name] == []
    state = run.folder / "state"
    left = [path for path in state.iterdir() if path.name not in (OUTPUTS, LOGS)] if state.exists() else []
    if run.process.returncode < 0:
        assert not any(is_locked(path / "lock") for path in left), "a killed run leaves its folder, but no lock"
    else:
        assert left == []
        assert not (state / OUTPUTS).exists() or list((state / OUTPUTS).iterdir()) == []
    if ended is not None and ended.report:
        assert_truthful(ended.code, ended.report)
    if run.output.exists() and run.output.suffix == ".txt" and run.process.returncode >= 0:
        assert_untorn(run.lines())


def assert_truthful(code: int, report: dict[str, Any]) -> None:
    """The report's sums agree, and with the exit code."""
    frames = report["frames"]
    assert report["ledger_balanced"]
    fates = frames["output"] + frames["blanked"] + sum(frames["dropped"].values()) + frames["rejected"]
    assert frames["accepted"] == fates
    assert report["result"] in RESULTS.get(code, {"interrupted"})
    if report["result"] == "completed":
        assert frames["accepted"] == frames["output"] + frames["rejected"]
    numbers = [report["seconds"], report["fps"], *report["latency_ms"].values()]
    for stage in report["stages"].values():
        numbers += [*stage["busy_ms"].values(), *stage["wait_ms"].values()]
    assert min(numbers) >= 0


def assert_untorn(lines: list[list[int]]) -> None:
    """No frame twice, none before an earlier one, none with another one's picture."""
    indices = [line[0] for line in lines]
    assert indices == sorted(set(indices))
    assert all(line[3] == 1 for line in lines), [line for line in lines if line[3] != 1]
