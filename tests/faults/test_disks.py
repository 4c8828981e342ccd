"""Disks that are full, read-only or gone: one line says so, and what was done before is not lost with it."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import psutil
import pytest

from stages.output.part import count_packets
from tests.clips import decode
from tests.faults.disks import film, needs_mounts, on_disk
from tests.runs import Ended, Run
from tests.thorough import rarely
from tests.waiting import wait_until

pytestmark = pytest.mark.real
FULL = "No space left on device"


def last_line(ended: Ended) -> str:
    return ended.stderr.splitlines()[-1]


def check_books(ended: Ended, part: Path) -> int:
    """Every frame has a fate, and those that are said to be written can be read back; how many."""
    frames = ended.frames
    assert ended.report["ledger_balanced"]
    assert frames["accepted"] == frames["output"] + frames["blanked"] + sum(frames["dropped"].values())
    readable = count_packets(str(part), lambda: None)
    assert readable >= frames["output"] > 0
    return readable


@pytest.mark.fault("B2")
@needs_mounts
def test_a_full_disk_ends_the_run_in_one_line_and_what_was_written_can_be_read(tmp_path: Path) -> None:
    output = tmp_path / "disk" / "o.mkv"
    under = on_disk(tmp_path, "size=192k", "echo the old one > o.mkv")
    ended = Run(tmp_path, film(tmp_path, output, count=5000), under=under).end()
    assert ended.code == 4
    assert ended.report["result"] == "failed"
    assert f"{output}.part: cannot be written ({FULL})" in last_line(ended)
    check_books(ended, tmp_path / "left" / "o.mkv.part")
    assert (tmp_path / "left" / "o.mkv").read_text() == "the old one\n"


@pytest.mark.long
@pytest.mark.fault("B2")
@needs_mounts
def test_what_a_full_disk_left_is_set_aside_by_the_next_run_once_there_is_room(tmp_path: Path) -> None:
    ended = Run(tmp_path, film(tmp_path, tmp_path / "disk" / "o.mkv", count=5000), under=on_disk(tmp_path, "size=192k"))
    assert ended.end().code == 4
    kept = count_packets(str(tmp_path / "left" / "o.mkv.part"), lambda: None)
    again = Run(tmp_path, film(tmp_path, tmp_path / "left" / "o.mkv", count=20)).end()
    assert again.code == 0, again.stderr
    assert f"holds {kept} frames of an interrupted run" in again.stderr
    assert len(decode(tmp_path / "left" / "o.mkv")) == 20
    assert sorted(os.listdir(tmp_path / "left")) == ["o.mkv", "o.mkv.part.old"]


@pytest.mark.fault("B3")
def test_a_limit_on_file_sizes_in_the_output_worker_alone_is_told_and_torn_nothing(tmp_path: Path) -> None:
    """Python ignores SIGXFSZ: the write fails instead. In the supervisor the limit would also stop the ring."""
    output = tmp_path / "o.mkv"
    run = Run(tmp_path, film(tmp_path, output, count=100_000))
    part = output.with_name("o.mkv.part")
    wait_until(lambda: part.exists() and part.stat().st_size > 10_000)
    (worker,) = run.workers("output")
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (part.stat().st_size + 30_000, resource.RLIM_INFINITY))
    ended = run.end()
    assert ended.code == 4
    assert f"{part}: cannot be written (File too large)" in last_line(ended)
    check_books(ended, part)
    assert not output.exists()


@pytest.mark.fault("B4")
@needs_mounts
def test_a_disk_without_room_for_one_more_file_keeps_the_part_and_the_earlier_output(tmp_path: Path) -> None:
    """Three inodes: the folder, the earlier output, the part. What completes the file would be the fourth."""
    output = tmp_path / "disk" / "o.mkv"
    under = on_disk(tmp_path, "nr_inodes=3", "echo the old one > o.mkv")
    ended = Run(tmp_path, film(tmp_path, output, count=20), under=under).end()
    assert ended.code == 4
    assert FULL in last_line(ended)
    assert str(output) in last_line(ended)
    assert check_books(ended, tmp_path / "left" / "o.mkv.part") == 20
    assert (tmp_path / "left" / "o.mkv").read_text() == "the old one\n"
    assert sorted(os.listdir(tmp_path / "left")) == ["o.mkv", "o.mkv.part"]


@pytest.mark.long
@pytest.mark.fault("B4")
@needs_mounts
def test_a_disk_that_cannot_hold_the_file_twice_keeps_the_part_and_nothing_torn(tmp_path: Path) -> None:
    """Completing needs the space once more: the part stays until the file is whole."""
    one = Run(tmp_path, film(tmp_path, tmp_path / "o.mkv", count=60)).end()
    assert one.code == 0, one.stderr
    size = (tmp_path / "o.mkv").stat().st_size
    under = on_disk(tmp_path, f"size={int(size * 1.5)}")
    ended = Run(tmp_path, film(tmp_path, tmp_path / "disk" / "o.mkv", count=60), under=under).end()
    assert ended.code == 4
    assert FULL in last_line(ended)
    assert check_books(ended, tmp_path / "left" / "o.mkv.part") == 60
    assert "o.mkv" not in os.listdir(tmp_path / "left")


@pytest.mark.fault("B4")
@needs_mounts
@pytest.mark.parametrize("options", ["size=4k", *rarely("nr_inodes=2")], ids=["no space", "no inode"])
def test_a_report_that_no_longer_fits_leaves_the_earlier_one_whole_and_nothing_beside_it(
    tmp_path: Path, options: str
) -> None:
    under = on_disk(tmp_path, options, "printf '{}' > r.json")
    report = ["--report", str(tmp_path / "disk" / "r.json")]
    ended = Run(tmp_path, film(tmp_path, tmp_path / "o.mkv", count=5), *report, under=under).end()
    assert ended.code == 4
    assert f"r.json cannot be written: {FULL}" in last_line(ended)
    assert (tmp_path / "left" / "r.json").read_text() == "{}"
    assert os.listdir(tmp_path / "left") == ["r.json"]
    assert len(decode(tmp_path / "o.mkv")) == 5, "the video itself is whole"


@pytest.mark.fault("B10")
@needs_mounts
def test_a_read_only_disk_is_refused_before_any_work(tmp_path: Path) -> None:
    under = on_disk(tmp_path, "ro")
    ended = Run(tmp_path, film(tmp_path, tmp_path / "disk" / "o.mkv", count=5), under=under).end()
    assert ended.code == 3
    assert "o.mkv.part: cannot be written (Read-only file system)" in last_line(ended)
    assert ended.frames["output"] == 0


@pytest.mark.fault("B10")
def test_a_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    ended = Run(tmp_path, film(tmp_path, tmp_path / "absent" / "o.mkv", count=5)).end()
    assert ended.code == 3
    assert "no folder" in last_line(ended)
    assert not (tmp_path / "absent").exists()


@pytest.mark.long
@pytest.mark.fault("B10")
def test_a_folder_that_goes_away_in_mid_run_is_told_with_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    run = Run(tmp_path, film(tmp_path, folder / "o.mkv", count=100_000))
    wait_until(lambda: (folder / "o.mkv.part").exists() and (folder / "o.mkv.part").stat().st_size > 10_000)
    shutil.rmtree(folder)
    run.process.terminate()
    ended = run.end()
    assert ended.code == 4
    assert str(folder / "o.mkv") in last_line(ended)
    assert ended.report["ledger_balanced"]
    assert not folder.exists()


@pytest.mark.long
@pytest.mark.fault("B10")
def test_all_that_is_written_before_the_end_lies_beside_the_output(tmp_path: Path) -> None:
    """Completing it is a rename, which cannot cross from one file system to another."""
    folder = tmp_path / "videos"
    folder.mkdir()
    run = Run(tmp_path, film(tmp_path, folder / "o.mkv", count=100_000))
    wait_until(lambda: (folder / "o.mkv.part").exists() and (folder / "o.mkv.part").stat().st_size > 10_000)
    (worker,) = run.workers("output")
    written = {Path(file.path) for file in psutil.Process(worker.pid).open_files() if file.mode != "r"}
    assert written == {folder / "o.mkv.part"}
    run.process.terminate()
    assert run.end().code == 143
    assert os.listdir(folder) == ["o.mkv"]
