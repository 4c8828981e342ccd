"""However a job ends, the same command goes on: killed, interrupted, on a full disk, in a read-only folder."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.clips import make_clip, picture
from tests.copying import write_copying
from tests.faults.checked import chance
from tests.faults.disks import needs_mounts
from tests.jobs.jobs import (
    LINE,
    begin_job,
    beside,
    finished,
    manifest_of,
    parts_of,
    pictures_of,
    run_job,
    states_of,
)
from tests.runs import COMMAND, ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.real


def film(folder: Path, frames: int = 100) -> tuple[Path, str]:
    return make_clip(folder / "a.mp4", frames, audio=1, options={"bf": "2"}), write_copying(folder, codec="ffv1")


def check_manifest(output: Path) -> None:
    """It can be read at any moment once it is there, and what it calls done is there."""
    if (beside(output) / "job.json").exists():
        for segment in manifest_of(output)["segments"]:
            if segment["state"] == "done":
                assert (beside(output) / "parts" / f"{segment['index']:05d}-0.nut").exists()


def left(folder: Path) -> list[Path]:
    """Processes of jobs in this folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or []):
            found.append(process)
    return found


def check_over(output: Path) -> None:
    """Nothing is beside the output but the job, and in the job nothing but what it keeps."""
    assert not list(output.parent.glob(f"{output.name}.part*"))
    assert sorted(path.name for path in beside(output).iterdir()) == ["job.json", "lock", "parts", "work.yaml"]


def kill_again_and_again(video: Path, config: str, output: Path, moments: list[float]) -> int:
    """SIGKILL to the job's whole group, so many seconds after each start, until it has ended by itself; how many kills
    came before its end."""
    killed = 0
    done: dict[str, tuple[int, int]] = {}
    for moment in moments:
        process = begin_job(video, config, output)
        until = time.monotonic() + moment
        while process.poll() is None and time.monotonic() < until:
            check_manifest(output)
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        check_manifest(output)
        if (beside(output) / "parts").exists():
            now = parts_of(output)
            assert {name: now[name] for name in done} == done, "what was finished is not done again"
        if (beside(output) / "job.json").exists():
            states = states_of(output)
            done = {name: fact for name, fact in parts_of(output).items() if states[int(name[:5])] == "done"}
    finished(video, config, output)
    now = parts_of(output)
    assert {name: now[name] for name in done} == done
    return killed


def check_kills(folder: Path, frames: int, moments: list[float]) -> None:
    video, config = film(folder, frames)
    whole = pictures_of(finished(video, config, folder / "calm.mkv"))
    killed = kill_again_and_again(video, config, folder / "o.mkv", moments)
    print(f"{killed} of {len(moments)} kills came before the end")
    assert killed > len(moments) / 2
    assert pictures_of(folder / "o.mkv") == whole
    assert len(whole) == frames
    check_over(folder / "o.mkv")
    wait_until(lambda: left(folder) == [])


@pytest.mark.fault("G5")
@pytest.mark.long
def test_a_job_that_is_killed_four_times_is_the_one_that_was_not(tmp_path: Path) -> None:
    dice = chance()
    check_kills(tmp_path, 200, [dice.uniform(0.5, 6) for _ in range(4)])


@pytest.mark.fault("G5")
@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_job_that_is_killed_twenty_times_is_the_one_that_was_not(tmp_path: Path) -> None:
    dice = chance()
    check_kills(tmp_path, 800, [dice.uniform(0.5, 9) for _ in range(20)])


@pytest.mark.fault("G5")
def test_killed_when_a_segment_is_done_it_goes_on_behind_it(tmp_path: Path) -> None:
    video, config = film(tmp_path, 40)
    output = tmp_path / "o.mkv"
    process = begin_job(video, config, output, "--workers", "1")
    wait_until(lambda: (beside(output) / "job.json").exists() and "done" in states_of(output), timeout=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = [name for name in parts_of(output) if states_of(output)[int(name[:5])] == "done"]
    before = {name: parts_of(output)[name] for name in done}
    finished(video, config, output)
    assert {name: parts_of(output)[name] for name in done} == before
    assert len(pictures_of(output)) == 40
    check_over(output)


@pytest.mark.fault("A14")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted_it_ends_at_once_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    video, config = film(tmp_path, 200)
    output = tmp_path / "o.mkv"
    process = begin_job(video, config, output, log=tmp_path / "log")
    wait_until(lambda: (beside(output) / "job.json").exists() and "running" in states_of(output), timeout=120)
    refused = run_job(video, config, output)
    assert (refused.returncode, "another process is at work" in refused.stderr) == (2, True)
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    assert "interrupted; the same command goes on from here" in (tmp_path / "log").read_text()
    assert not output.exists()
    assert sorted(path.name for path in beside(output).iterdir()) == ["job.json", "lock", "parts", "work.yaml"]
    wait_until(lambda: left(tmp_path) == [])


def deeds(folder: Path, video: Path, config: str) -> list[tuple[str, str]]:
    """What the processes of a job do to its files, in order: (call, names)."""
    trace = folder / "trace"
    calls = "write,fsync,fdatasync,rename,renameat,renameat2"
    words = ["strace", "-f", "-y", "-qq", "-o", str(trace), "-e", f"trace={calls}", "-e", "signal=none", *COMMAND]
    words += ["job", "run", str(video), "-c", config, "-o", str(folder / "o.mkv"), *LINE, "--workers", "1", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=170)
    assert done.returncode == 0, done.stderr
    found = []
    for line in trace.read_text().splitlines():
        if call := re.match(r"\d+ +(\w+)\((.*)\) += [0-9]", line):
            names = re.findall(rf"<{re.escape(str(folder))}/?([^>]*)>", call[2]) + [
                os.path.relpath(name, folder) for name in re.findall(r'"(/[^"]*)"', call[2]) if call[1] != "write"
            ]
            if names:
                found.append((call[1].replace("fdatasync", "fsync"), " ".join(names)))
    return found


@pytest.mark.fault("G6")
def test_a_part_is_on_the_disk_before_its_name_and_its_name_before_the_manifest_tells_of_it(tmp_path: Path) -> None:
    """A power cut cannot be made; what it would find is said by the order of the system calls."""
    if not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not there, or not allowed")
    video, config = film(tmp_path, 15)
    done = deeds(tmp_path, video, config)
    job, part = "o.mkv.job", "00000-0.nut"
    grows = f"{job}/underway/{part}.part"
    last_write = max(at for at, deed in enumerate(done) if deed == ("write", grows))
    synced = done.index(("fsync", grows))
    named = done.index(("rename", f"{grows} {job}/underway/{part}"))
    moved = done.index(("rename", f"{job}/underway/{part} {job}/parts/{part}"))
    folder_synced = done.index(("fsync", f"{job}/parts"))
    fresh = (f"{job}/.job.json.new", f"{job}/.job.json.new {job}/job.json")
    told = next(at for at, deed in enumerate(done) if at > moved and deed == ("rename", fresh[1]))
    assert last_write < synced < named < moved < folder_synced < told
    for at, deed in enumerate(done):
        if deed == ("rename", fresh[1]):  # each manifest: its data, its name, its folder
            before = [one for one in done[:at] if fresh[0] in one[1]]
            assert before[-1] == ("fsync", fresh[0])
            assert before[-2] == ("write", fresh[0])
            after = [one for one in done[at + 1 :] if one[1] == job or one == ("write", fresh[0])]
            assert after[0] == ("fsync", job)
    published = next(at for at, deed in enumerate(done) if deed[0] == "rename" and deed[1].endswith(" o.mkv"))
    assert told < published < max(at for at, deed in enumerate(done) if deed == ("rename", fresh[1]))


DISK = """set -e
mount -t tmpfs -o "$1" tmpfs "$2"
set +e
shift 2
"$@"; echo "first $?"
ls disk/o.mkv.job/parts | wc -l
eval "$MORE"
"$@"; echo "second $?"
cp -a disk/. left
"""


def on_small_disk(folder: Path, options: str, more: str, video: Path, config: str) -> tuple[list[str], str]:
    """The same job twice on a disk of its own, after the shell command `more` between: what was said of both."""
    for name in ("disk", "left"):
        (folder / name).mkdir()
    line = [*COMMAND, "job", "run", str(video), "-c", config, "-o", str(folder / "disk" / "o.mkv"), *LINE, "-q"]
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MORE": more}
    done = subprocess.run(
        [*unshare, "sh", "-c", DISK, "sh", options, str(folder / "disk"), *line],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    return done.stdout.splitlines(), done.stderr


def noisy(folder: Path) -> tuple[Path, str]:
    """Whose parts need some room."""
    dice = random.Random(1)
    images = [picture(number) for number in range(40)]
    for image in images:
        image[:] = image ^ dice.getrandbits(4)
        image[::2] ^= 0x3F
    return make_clip(folder / "a.mp4", images), write_copying(folder, codec="ffv1")


@pytest.mark.fault("B2")
@needs_mounts
def test_a_full_disk_is_told_and_with_room_again_it_goes_on(tmp_path: Path) -> None:
    video, config = noisy(tmp_path)
    size = sum(fact.stat().st_size for fact in [finished(video, config, tmp_path / "o.mkv")])
    said, errors = on_small_disk(tmp_path, f"size={size}", f"mount -o remount,size={size * 20} disk", video, config)
    assert said[0] == "first 4", errors
    assert "No space left on device" in errors
    assert "make room and give the same command again" in errors
    assert said[-1] == "second 0", errors
    assert pictures_of(tmp_path / "left" / "o.mkv") == pictures_of(tmp_path / "o.mkv")
    check_over(tmp_path / "left" / "o.mkv")


@pytest.mark.fault("B4")
@needs_mounts
def test_no_room_for_a_manifest_leaves_the_earlier_one_or_none(tmp_path: Path) -> None:
    video, config = film(tmp_path, 40)
    said, errors = on_small_disk(tmp_path, "nr_inodes=7", "mount -o remount,nr_inodes=1000 disk", video, config)
    assert said[0] in ("first 4", "first 3"), errors
    assert "No space left on device" in errors
    assert said[-1] == "second 0", errors
    assert len(pictures_of(tmp_path / "left" / "o.mkv")) == 40
    assert json.loads((tmp_path / "left" / "o.mkv.job" / "job.json").read_text())["joined"]


@pytest.mark.fault("B10")
@needs_mounts
def test_a_read_only_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    video, config = film(tmp_path, 15)
    said, errors = on_small_disk(tmp_path, "ro", "mount -o remount,rw disk", video, config)
    assert said[0] == "first 4"
    assert "Read-only file system" in errors.splitlines()[0]
    assert said[-1] == "second 0", errors
