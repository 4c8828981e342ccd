"""Recordings of whole runs: killed workers, a killed run, a disk that fills up, and other outputs beside them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.disks import needs_mounts, on_disk
from tests.live.recordings import PERIOD, config, parts, recorded, segments
from tests.runs import Run
from tests.thorough import rarely
from tests.waiting import wait_until

# The 15th frame is the last of a file, the 16th the first of the next one.
OTHERS = [("granted", 14), ("granted", 15), *(("before_commit", at) for at in (0, 15))]
OTHERS += [("committed", at) for at in (0, 14)]
DEATHS = [
    *("granted:0", "before_commit:14", "committed:15", "setup:*"),
    *rarely(*(f"{point}:{frame}" for point, frame in OTHERS)),
]


def complete(folder: Path, number: int) -> Callable[[], bool]:
    return lambda: folder.exists() and len(segments(folder)) >= number


def numbers(count: int) -> list[int]:
    return [number % PERIOD for number in range(count)]


@pytest.mark.parametrize("death", DEATHS)
def test_a_killed_worker_costs_no_frame_and_doubles_none(tmp_path: Path, death: str) -> None:
    folder = tmp_path / "cam"
    ended = Run(tmp_path, config(folder, 40), fault=f"output:{death}=kill@{tmp_path}/once").end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["output"]["restarts"] == 1
    assert [recorded([path]) for path in segments(folder)] == [
        list(range(15)), list(range(15, 30)), list(range(30, 40)),
    ]  # fmt: skip
    assert not parts(folder)


@pytest.mark.long
def test_a_worker_killed_again_and_again_costs_no_frame(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    run = Run(tmp_path, config(folder, 150, sleep=0.01))
    for number in range(1, 5):
        wait_until(complete(folder, 2 * number))
        for worker in run.workers("output"):
            worker.kill()
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert recorded(segments(folder)) == list(range(150))
    assert not parts(folder)


def test_after_a_killed_run_all_files_are_whole_and_the_next_run_completes_the_last_one(tmp_path: Path) -> None:
    folder, before = tmp_path / "cam", tmp_path / "before"
    before.mkdir()
    run = Run(before, config(folder, 2000, sleep=0.02))
    wait_until(complete(folder, 2))
    wait_until(lambda: len(parts(folder)) == 1)
    workers = [worker for stage in ("ingest", "invert", "output") for worker in run.workers(stage)]
    run.kill()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    whole = segments(folder)
    assert recorded(whole) == numbers(15 * len(whole))
    (tmp_path / "after").mkdir()
    ended = Run(tmp_path / "after", config(folder, 5)).end()
    assert ended.code == 0, ended.stderr
    *old, new = segments(folder)
    assert recorded([new]) == list(range(5))
    assert old[: len(whole)] == whole
    kept = recorded(old)
    assert kept == numbers(len(kept))
    assert not parts(folder)
    assert len(kept) >= 15 * len(whole)


@pytest.mark.long
def test_frames_of_the_cut_file_up_to_the_last_one_are_there(tmp_path: Path) -> None:
    """The run dies right after frame 21 was committed: 22 frames are in the folder, 7 of them in the part."""
    folder = tmp_path / "cam"
    (tmp_path / "before").mkdir()
    run = Run(tmp_path / "before", config(folder, 60), fault="output:committed:21=stop")
    wait_until(lambda: any(worker.status() == "stopped" for worker in run.workers("output")))
    workers = [worker for stage in ("ingest", "invert", "output") for worker in run.workers(stage)]
    run.kill()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    (tmp_path / "after").mkdir()
    ended = Run(tmp_path / "after", config(folder, 1)).end()
    assert ended.code == 0, ended.stderr
    assert recorded(segments(folder)) == [*range(22), 0]


@needs_mounts
def test_a_full_disk_costs_the_oldest_files_and_then_frames_and_never_the_run(tmp_path: Path) -> None:
    """Three quarters of the disk are somebody else's; what is left holds a few of the files."""
    folder = tmp_path / "disk"
    disk = on_disk(tmp_path, "size=600k", prepare="head -c 250000 /dev/zero > other")
    ended = Run(tmp_path, config(folder, 240, keep_free_gb=0.0001), under=disk).end()
    assert ended.code == 0, ended.stderr
    left = tmp_path / "left"
    found = segments(left)
    assert 1 <= len(found) < 16
    kept = recorded(found)
    assert kept == list(range(240 - len(kept), 240))  # the newest ones
    assert os.path.getsize(left / "other") == 250000
    assert ended.report["output"]["deleted"] == 16 - len(found)


@pytest.mark.long
@needs_mounts
def test_a_disk_without_room_from_the_beginning_is_said_and_the_frames_are_counted(tmp_path: Path) -> None:
    disk = on_disk(tmp_path, "size=300k", prepare="head -c 250000 /dev/zero > other")
    ended = Run(tmp_path, config(tmp_path / "disk", 30, keep_free_gb=0.0001), under=disk).end()
    assert ended.report["stages"]["output"]["errors"] == {"frames left out: disk nearly full": 30}
    assert ended.report["result"] == "completed_with_errors"
    assert "disk nearly full (0.0001 GB stay free); frames are left out" in ended.stderr
    assert not segments(tmp_path / "left")


@pytest.mark.long
def test_a_file_and_a_recording_are_written_beside_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    ended = Run(tmp_path, config(folder, 40), "-o", f"recording:{folder}", "-o", str(tmp_path / "clean.mkv")).end()
    assert ended.code == 0, ended.stderr
    assert recorded(segments(folder)) == list(range(40))
    assert recorded([tmp_path / "clean.mkv"]) == list(range(40))


def test_files_have_their_places_by_name_in_the_order_of_their_frames(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    ended = Run(tmp_path, config(folder, 100, length=0.2)).end()
    assert ended.code == 0, ended.stderr
    names = [path.name for path in segments(folder)]
    assert [int(name.partition("-")[2].partition(".")[0]) for name in names] == list(range(1, 18))
    found = [recorded([path]) for path in segments(folder)]
    assert [len(one) for one in found] == [6] * 16 + [4]
    assert list(itertools.chain(*found)) == list(range(100))
