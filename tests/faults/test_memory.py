"""Too little memory: said at the start with what is needed and what there is, never by a SIGBUS later."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import ring
from pipeline.frame import FrameSpec
from pipeline.messages import Hello, Ready
from pipeline.ring import left_in_groups
from tests.faults.disks import needs_mounts, on_disk
from tests.faults.test_hostile_messages import Stand, close
from tests.runs import Run, toy

MIB = 1 << 20
GROUPS = Path("/sys/fs/cgroup")


def large(folder: Path, slots: int = 40) -> dict[str, Any]:
    """A pipeline whose ring takes 12 MB a slot."""
    config = toy(folder, slots=slots)
    config["stages"][0]["with"] = {"count": 3, "width": 1920, "height": 1080}
    return config


def group_of(top: Path, name: str, **files: str) -> Path:
    (top / name).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (top / name / file.replace("__", ".")).write_text(text)
    return top


@pytest.mark.fault("B6")
def test_the_tightest_limit_of_all_control_groups_above_counts(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/user/run\n")
    group_of(tmp_path, "user", memory__max=f"{300 * MIB}\n", memory__current=f"{100 * MIB}\n", memory__stat="anon 1\n")
    group_of(tmp_path, "user/run", memory__max="max\n", memory__current=f"{100 * MIB}\n", memory__stat="anon 1\n")
    assert min(left_in_groups(tmp_path, own)) == 200 * MIB


@pytest.mark.fault("B6")
def test_what_a_group_holds_of_files_is_not_in_the_way(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/\n")
    stat = f"anon 1\ninactive_file {90 * MIB}\nactive_file 5\n"
    group_of(tmp_path, "", memory__max=f"{300 * MIB}\n", memory__current=f"{100 * MIB}\n", memory__stat=stat)
    assert min(left_in_groups(tmp_path, own)) == 290 * MIB


@pytest.mark.fault("B6")
def test_control_groups_of_the_first_version_count_as_well(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("5:cpu:/a\n4:memory:/not/seen/from/here\n0::/\n")
    limits = {"memory__limit_in_bytes": f"{70 * MIB}\n", "memory__usage_in_bytes": f"{80 * MIB}\n"}
    group_of(tmp_path, "memory", **limits, memory__stat=f"cache 1\ntotal_inactive_file {MIB}\n")
    assert min(left_in_groups(tmp_path, own)) == 0


@pytest.mark.fault("B6")
def test_without_control_groups_nothing_limits(tmp_path: Path) -> None:
    assert list(left_in_groups(tmp_path, tmp_path / "none")) == [1 << 63]


@pytest.fixture
def small_group() -> Iterator[list[str]]:
    """A command that runs another one in a control group of 256 MiB."""
    first = (GROUPS / "memory").is_dir()
    group = (GROUPS / "memory" if first else GROUPS) / f"cleanplate-{secrets.token_hex(4)}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(256 * MIB))
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error.strerror})")
    yield ["sh", "-c", f'echo $$ > {group / "cgroup.procs"} && exec "$@"', "sh"]
    group.rmdir()


@pytest.mark.fault("B6")
@pytest.mark.real
def test_a_ring_too_large_for_its_control_group_is_refused_and_nobody_is_killed(
    tmp_path: Path, small_group: list[str]
) -> None:
    ended = Run(tmp_path, large(tmp_path), under=small_group).end()
    assert ended.code == 3
    assert "the ring needs 498 MB (most of it the plane" in ended.stderr
    assert "MB are free; fewer slots need less" in ended.stderr
    assert ended.report["runtime"]["deaths"] == []


@pytest.mark.fault("B6")
@pytest.mark.real
def test_a_ring_that_a_worker_may_not_map_is_refused_in_words(tmp_path: Path) -> None:
    """The limit on the address space is not felt by who makes the memory, but by who maps it."""
    under = ["sh", "-c", f'ulimit -v {2 * MIB} && exec "$@"', "sh"]
    ended = Run(tmp_path, large(tmp_path, slots=400), under=under).end()
    assert ended.code == 3
    assert "Cannot allocate memory" in ended.stderr
    assert ended.frames["accepted"] == 0


@pytest.mark.fault("B5")
@pytest.mark.real
def test_a_ring_larger_than_the_machines_memory_is_refused_with_what_there_is(tmp_path: Path) -> None:
    config = large(tmp_path)
    config["stages"][0]["with"] |= {"width": 16384, "height": 16384}
    config["slots"] = 1024
    ended = Run(tmp_path, config).end()
    assert ended.code == 3
    assert "the ring needs 1649" in ended.stderr
    assert "MB are free; fewer slots need less" in ended.stderr
    assert ended.report["runtime"]["ring_bytes"] == 0


@pytest.mark.fault("B5")
def test_a_worker_that_comes_when_the_ring_has_just_been_refused_is_lent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "available_memory", lambda: 1 << 20)
    stand = Stand(tmp_path)
    stand.hear(0, Hello(pid=1).pack())
    stand.hear(0, Ready(deadline=1.0, spec=FrameSpec(width=16384, height=16384)).pack())
    for late in (1, 2, 3):
        stand.hear(late, Hello(pid=1).pack())
    assert stand.supervisor.failure is not None
    assert stand.supervisor.failure[0] == 3
    assert "the ring needs" in stand.supervisor.failure[1]
    close(stand)


@pytest.mark.fault("B5")
@pytest.mark.real
@needs_mounts
def test_a_full_dev_shm_is_none_of_our_business(tmp_path: Path) -> None:
    mount = "mount -t tmpfs -o size=4k tmpfs /dev/shm; head -c 4096 /dev/zero > /dev/shm/full; cp /dev/shm/full ."
    ended = Run(tmp_path, large(tmp_path, slots=10), under=on_disk(tmp_path, "size=1m", mount)).end()
    assert ended.code == 0, ended.stderr
    assert os.stat(tmp_path / "left" / "full").st_size == 4096
    assert ended.frames["output"] == 3
