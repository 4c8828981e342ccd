"""Deaths by want of memory, and stages that die or break again and again at their start."""

from __future__ import annotations

import json
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.health import assert_healthy_or_down
from tests.faults.inside import Inside
from tests.faults.mortal import expected, mortal
from tests.faults.sampling import sample
from tests.runs import Run, toy

ROOM = 64 << 20  # bytes that a worker may take beyond what it has
CGROUP = Path("/sys/fs/cgroup")


@pytest.fixture
def cell() -> Iterator[Path]:
    """A control group in which there is room for ROOM bytes, and then the kernel kills."""
    old, new = CGROUP / "memory", CGROUP / "cgroup.controllers"
    root, limit, swap = (
        (CGROUP, "memory.max", "memory.swap.max")
        if new.exists()
        else (old, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    )
    folder = root / f"cleanplate-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(ROOM))
        if (folder / swap).exists():
            (folder / swap).write_text("0" if new.exists() else str(ROOM))
    except OSError as error:
        if folder.exists():
            folder.rmdir()
        pytest.skip(f"no memory control group may be made here: {error.strerror}")
    yield folder
    folder.rmdir()


@pytest.mark.fault("A7")
def test_a_worker_that_the_kernel_kills_for_want_of_memory_is_started_again(tmp_path: Path, cell: Path) -> None:
    jailed: list[int] = []

    def jail(inside: Inside) -> None:
        for member in inside.workers("negative"):
            if len(jailed) < 2 and member.process.pid not in jailed:
                (cell / "cgroup.procs").write_text(str(member.process.pid))
                jailed.append(member.process.pid)

    config = mortal(tmp_path, ingest={"sleep": 0.02}, negative={"dies": {"mid_write": 20}, "deed": "hog"})
    config["stages"][2]["uses"] = "tests.faults.mortal:Patient"
    inside = Inside(tmp_path, config, jail)
    assert inside.result.code == 0, inside.result.report["faults"]
    assert inside.lines() == expected(60)
    assert re.fullmatch(r"negative [01]: signal 9", "".join(inside.result.report["runtime"]["deaths"]))


@pytest.mark.fault("A7")
@pytest.mark.parametrize("always", sample(True, rarely=(False,)))
def test_memory_that_is_refused_is_an_error_of_one_frame_and_kills_nobody(tmp_path: Path, always: bool) -> None:
    """The stage raises MemoryError: the frame is tried once more, and goes out blank if it is refused again."""

    def limit(inside: Inside) -> None:
        for member in inside.workers("negative"):
            if resource.prlimit(member.process.pid, resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
                most = psutil.Process(member.process.pid).memory_info().vms + ROOM
                resource.prlimit(member.process.pid, resource.RLIMIT_AS, (most, most))

    hungry = {"dies": {"mid_write": 20}, "deed": "hog"} | ({"once": ""} if always else {})
    config = mortal(tmp_path, ingest={"sleep": 0.02}, negative=hungry)
    config["stages"][2]["uses"] = "tests.faults.mortal:Patient"
    inside = Inside(tmp_path, config, limit)
    assert inside.result.report["runtime"]["deaths"] == []
    assert [line[0] for line in inside.lines() if line[2]] == ([20] if always else [])
    assert inside.result.report["result"] == ("completed_with_errors" if always else "completed")
    assert len(inside.lines()) == 60
    if always:
        assert "MemoryError" in inside.result.report["faults"][0]


@pytest.mark.long
@pytest.mark.fault("A7", "A9")
def test_two_frames_that_always_kill_go_out_blank_and_all_others_are_right(tmp_path: Path) -> None:
    """What the kernel does for want of memory, over a frame that always needs too much: the rule for poison holds."""
    lethal = {"once": "", "dies": {"mid_write": 20, "granted": 40}}
    inside = Inside(tmp_path, mortal(tmp_path, negative=lethal), sets=("negative.restart={max_restarts: 0}",))
    assert inside.result.code == 4
    assert inside.result.report["result"] == "completed_with_errors"
    assert [line[0] for line in inside.lines() if line[2]] == [20, 40]
    kept = [line for line in expected(60) if line[0] not in (20, 40)]
    assert [line for line in inside.lines() if not line[2]] == kept


def events(folder: Path, kind: str, stage: str) -> list[str]:
    """What the log of the one run in this folder says of a stage."""
    (log,) = (folder / "state" / "logs").glob("*.log")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return [one["text"] for one in records if one["kind"] == kind and one["stage"].startswith(stage)]


@pytest.mark.long
@pytest.mark.fault("A10")
def test_a_stage_that_dies_at_every_start_is_given_longer_and_longer_waits_and_then_up(tmp_path: Path) -> None:
    """Another run beside it goes on."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = Run(tmp_path / "one", toy(tmp_path / "one"), fault="invert:setup:*=kill")
    other = Run(tmp_path / "other", toy(tmp_path / "other"))
    ended = one.end()
    assert ended.code == 4
    assert ended.stderr.splitlines()[-1] == "cleanplate: invert: died 4 times before a first frame (signal 9)"
    waits = [float(text.split()[1]) for text in events(tmp_path / "one", "restart", "invert")]
    assert waits[0] == 0
    assert 0.2 <= waits[1] <= 0.3
    assert 0.4 <= waits[2] <= 0.6
    assert len(waits) == 3
    assert_healthy_or_down(one, ended)
    beside = other.end()
    assert beside.code == 0
    assert beside.report["runtime"]["deaths"] == []


@pytest.mark.fault("A10")
def test_a_stage_that_raises_while_it_loads_is_not_started_again(tmp_path: Path) -> None:
    """It would raise again: exit code 3, the stage's name and its last word in one line."""
    run = Run(tmp_path, mortal(tmp_path, memory={"dies": {"load": -1}, "deed": "raise", "once": ""}))
    ended = run.end()
    assert ended.code == 3
    assert ended.stderr.splitlines()[-1] == "cleanplate: memory: RuntimeError: told to break"
    assert len(events(tmp_path, "started", "memory")) == 1
    assert_healthy_or_down(run, ended)
