"""Two pipelines at once on one machine: they share the processors, and nothing else."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.admin import ask
from pipeline.requests import Pause, Resume, Scale, Status
from tests.commands import cleanplate
from tests.runs import Run, toy
from tests.waiting import wait_until

pytestmark = pytest.mark.real
MIDDLE = (
    {"name": "total", "uses": "tests.toys:Sum"},
    {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": 0.001}},  # the other one has to run as well
)
ENDLESS = ("--set", "ingest.count=100000000")


def start(folder: Path, name: str) -> Run:
    """A run of one configuration of the user's; all have the same state folder."""
    own = folder / name
    own.mkdir()
    config = toy(own, *MIDDLE, sink="CollectWithMask")
    run = Run(own, config, *ENDLESS, under=["env", f"CLEANPLATE_STATE={folder / 'state'}"])
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100, timeout=60)
    return run


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Run, Run]]:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    runs = start(tmp_path, "one"), start(tmp_path, "two")
    yield runs
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            assert run.end().code == 143


def members(run: Run) -> list[psutil.Process]:
    top = psutil.Process(run.process.pid)
    return [top, *top.children(recursive=True)]


def things(run: Run) -> set[str]:
    """All that the processes of a run hold open or have mapped and could be shared: files by number, not by name."""
    found = set()
    for process in members(run):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            name = os.readlink(link)
            if name.startswith(("/memfd:", "socket:", "pipe:")) or (
                name.startswith("/") and not name.startswith("/dev")
            ):
                status = os.stat(link)
                found.add(f"{name.partition(':')[0]} {status.st_dev}:{status.st_ino}")
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            _, rights, _, device, inode, *name = line.split(maxsplit=5)
            if rights[3] == "s" and ("w" in rights or "memfd" in line):  # no code, no tables of a library
                found.add(f"mapped {device}:{inode} {name}")
    return found


def goes_on(run: Run, frames: int = 50) -> bool:
    before = run.output.stat().st_size
    wait_until(lambda: run.output.stat().st_size > before + 10 * frames)
    return True


def check_whole(run: Run) -> None:
    lines = run.lines()
    assert [line[:4] for line in lines] == [[i, i, 0, 1] for i in range(len(lines))]


def test_they_have_no_file_no_socket_no_pipe_and_no_memory_in_common(pair: tuple[Run, Run]) -> None:
    one, two = map(things, pair)
    assert len([thing for thing in one if thing.startswith("/memfd")]) >= 4
    assert len([thing for thing in one if thing.startswith("socket")]) >= 8
    assert len([thing for thing in one if thing.startswith("mapped")]) >= 4
    assert one & two == set()


@pytest.mark.long
def test_they_are_told_apart_by_a_number(pair: tuple[Run, Run]) -> None:
    seen = json.loads(cleanplate("ps", "--json").stdout)
    assert {one["name"]: one["pid"] for one in seen} == {"toy": pair[0].process.pid, "toy-2": pair[1].process.pid}
    assert [ask(name, Status(), 20)["pid"] for name in ("toy", "toy-2")] == [run.process.pid for run in pair]


@pytest.mark.long
def test_what_is_asked_of_one_is_not_done_by_the_other(pair: tuple[Run, Run]) -> None:
    ask("toy", Pause(), 20)
    ask("toy-2", Scale(stage="invert", workers=2), 20)
    wait_until(lambda: len(pair[1].workers("invert")) == 2)
    assert len(pair[0].workers("invert")) == 1
    wait_until(lambda: ask("toy", Status(), 20)["frames"]["under_way"] == 0)
    at = pair[0].output.stat().st_size
    assert goes_on(pair[1])
    assert (ask("toy", Status(), 20)["phase"], ask("toy-2", Status(), 20)["phase"]) == ("paused", "running")
    assert pair[0].output.stat().st_size == at
    ask("toy", Resume(), 20)
    assert goes_on(pair[0])
    for run in pair:
        check_whole(run)


def test_one_that_is_killed_leaves_the_other_and_its_own_name_free(pair: tuple[Run, Run], tmp_path: Path) -> None:
    """Supervisor and workers, all at once; then one of the same name starts, where the other still goes on."""
    workers = members(pair[0])
    os.kill(pair[0].process.pid, signal.SIGKILL)
    for worker in workers[1:]:
        worker.kill()
    pair[0].process.wait()
    assert goes_on(pair[1])
    third = start(tmp_path, "three")
    seen = json.loads(cleanplate("ps", "--json").stdout)
    assert {one["name"]: one["pid"] for one in seen} == {"toy": third.process.pid, "toy-2": pair[1].process.pid}
    third.process.terminate()
    assert third.end().code == 143
    assert goes_on(pair[1])
    check_whole(pair[1])
    answer = ask("toy-2", Status(), 20)
    assert answer["deaths"] == []
    assert answer["ledger_balanced"]


@pytest.mark.long
def test_a_worker_of_one_that_is_killed_is_no_matter_to_the_other(pair: tuple[Run, Run]) -> None:
    before = [process.pid for process in members(pair[1])]
    pair[0].workers("total")[0].kill()
    wait_until(lambda: ask("toy", Status(), 20)["stages"]["total"]["restarts"] == 1)
    assert all(map(goes_on, pair))
    assert [process.pid for process in members(pair[1])] == before
    for run in pair:
        check_whole(run)


@pytest.mark.long
def test_one_that_ends_takes_nothing_of_the_other_along(pair: tuple[Run, Run], tmp_path: Path) -> None:
    pair[0].process.send_signal(signal.SIGINT)
    assert pair[0].end().code == 130
    assert goes_on(pair[1])
    assert sorted(path.name for path in (tmp_path / "state").iterdir() if path.name.startswith("toy")) == ["toy-2"]
