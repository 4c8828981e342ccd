"""What a run leaves on the disk: of a crashed one, at the loss of power, and at the far ends of time."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.admin import ask
from pipeline.instances import running
from pipeline.requests import Status
from tests.clips import decode, number_of, stamps_of
from tests.faults.health import assert_healthy_or_down
from tests.faults.mortal import expected, mortal
from tests.runs import ROOT, Run
from tests.sinks import SPEC, STEP, frame_of, opened
from tests.waiting import wait_until

WRITE = "import sys\nfrom pathlib import Path\nfrom tests.sinks import opened, write\n"
WRITE += "sink = opened(Path(sys.argv[1]))\nwrite(sink, range(8))\nsink.finish()\nsink.close()\n"


def going(folder: Path, name: str) -> Run:
    """A run that is under way; all of them share one state folder."""
    (folder / name).mkdir()
    config = mortal(folder / name, ingest={"count": 1_000_000, "sleep": 0.01})
    run = Run(folder / name, config, "--name", name, under=["env", f"CLEANPLATE_STATE={folder / 'state'}"])
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 20)
    return run


@pytest.mark.fault("G3")
def test_what_a_crashed_run_left_is_swept_and_a_living_one_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("CLEANPLATE_STATE", str(state))
    crashed, living = going(tmp_path, "crashed-run"), going(tmp_path, "living-run")
    crashed.kill()
    left = state / "crashed-run"
    assert {"lock", "control", "admin"} <= {path.name for path in left.iterdir()}
    stranger = state / "notes.txt"
    stranger.write_text("somebody's")
    (tmp_path / "next").mkdir()
    under = ["env", f"CLEANPLATE_STATE={state}"]
    next_one = Run(tmp_path / "next", mortal(tmp_path / "next"), under=under)
    ended = next_one.end()
    assert ended.code == 0, ended.stderr
    assert not left.exists()
    assert stranger.read_text() == "somebody's"
    assert [one.name for one in running()] == ["living-run"]
    assert ask("living-run", Status())["phase"] == "running"
    assert_healthy_or_down(living)
    living.process.terminate()
    ended = living.end()
    assert ended.code == 143
    assert living.lines() == expected(ended.frames["accepted"])
    assert not (state / "living-run").exists()


def deeds(folder: Path) -> list[str]:
    """What a sink does to its files and to its folder, in order: `write out.mp4`, `fsync out.mp4`, ..."""
    trace = folder / "trace"
    calls = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink"
    words = ["strace", "-f", "-y", "-qq", "-o", str(trace), "-e", f"trace={calls}", sys.executable, "-c", WRITE]
    subprocess.run([*words, str(folder / "o.mp4")], cwd=ROOT, check=True, timeout=120)
    found = []
    for line in trace.read_text().splitlines():
        if call := re.match(rf"\d+ +(\w+)\((?:\d+<{re.escape(str(folder))}/?([^>]*)>|(\".*\"))", line):
            paths = re.findall(r'"([^"]*)"', call[3] or "")
            what = " ".join(os.path.basename(path) for path in paths) if call[3] else call[2] or "."
            found.append(f"{call[1].replace('pwrite64', 'write').replace('fdatasync', 'fsync')} {what}")
    return found


@pytest.mark.fault("G6")
def test_a_finished_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_part_goes(
    tmp_path: Path,
) -> None:
    """A power cut cannot be made; what it would find is said by the order of the system calls."""
    if not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not there, or not allowed")
    done = deeds(tmp_path)
    assert number_of(decode(tmp_path / "o.mp4")[7]) == 7
    made, part = "o.mp4.part.out", "o.mp4.part"
    last_write = max(at for at, deed in enumerate(done) if deed == f"write {made}")
    synced = max(at for at, deed in enumerate(done) if deed == f"fsync {made}")
    renamed = done.index(f"rename {made} o.mp4")
    folder_synced = max(at for at, deed in enumerate(done) if deed == "fsync .")
    gone = done.index(f"unlink {part}")
    assert last_write < synced < renamed < folder_synced < gone


GO_ON = """
import os, sys
from pathlib import Path
from tests.sinks import opened, write
output, done = map(Path, sys.argv[1:])
before = done.stat().st_size if done.exists() else 0
sink = opened(output, resume=before if done.exists() else None)
with done.open("ab", buffering=0) as committed:
    for number in range(before, 8):
        write(sink, [number])
        committed.write(b".")
sink.finish()
sink.close()
"""
CALLS = "openat,write,pwrite64,ftruncate,fsync,rename,unlink"


def write_file(folder: Path, *strace: str) -> int:
    """Write eight pictures, or go on with those that are missing, under strace where its words are given."""
    paths = [f"-P{folder}", *(f"-P{folder}/o.mp4{end}" for end in ("", ".part", ".part.new", ".part.out"))]
    words = ["strace", "-f", "-qq", *paths, *strace] if strace else []
    code = [sys.executable, "-c", GO_ON, str(folder / "o.mp4"), str(folder / "done")]
    return subprocess.run([*words, *code], cwd=ROOT, timeout=60, check=False, capture_output=True).returncode


def kill_at(folder: Path, at: tuple[str, int]) -> None:
    """The sink is killed in its so-manieth call of this name on these files; another one takes over."""
    folder.mkdir()
    inject = f"inject={at[0]}:signal=SIGKILL:when={at[1]}"
    killed = write_file(folder, "-o", str(folder / "trace"), "-e", inject)
    assert killed == -signal.SIGKILL, f"{at = }"
    (folder / "trace").unlink()
    assert write_file(folder) == 0, f"{at = }"
    assert [number_of(image) for image in decode(folder / "o.mp4")] == list(range(8)), f"{at = }"
    assert sorted(os.listdir(folder)) == ["done", "o.mp4"], f"{at = }"


def calls(folder: Path) -> list[tuple[str, int]]:
    """The system calls at which to be killed, in order: name, and which of that name (strace counts them apart)."""
    if not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not there, or not allowed")
    folder.mkdir()
    assert write_file(folder, "-o", str(folder / "trace"), "-e", f"trace={CALLS}") == 0
    names = re.findall(r"^\d+ +(\w+)\(", (folder / "trace").read_text(), re.MULTILINE)
    return [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]


@pytest.mark.fault("G5")
def test_a_file_is_whole_wherever_its_writer_was_killed(tmp_path: Path) -> None:
    """At some calls of its life, and at the last ones, which complete it."""
    seed = random.randrange(1 << 30)
    print(f"{seed = }")
    *earlier, first, second, third, fourth, last = calls(tmp_path / "whole")
    assert [first[0], second[0], third[0], fourth[0], last[0]] == ["openat", "rename", "openat", "fsync", "unlink"]
    chosen = random.Random(seed).sample(earlier, 2)
    for number, at in enumerate((*chosen, second, last)):
        kill_at(tmp_path / str(number), at)


@pytest.mark.fault("G5")
@pytest.mark.torture
def test_a_file_is_whole_at_whatever_call_its_writer_was_killed(tmp_path: Path) -> None:
    for number, at in enumerate(calls(tmp_path / "whole")):
        kill_at(tmp_path / str(number), at)


@pytest.mark.fault("G8")
@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("power", [31, 32, 33])
def test_a_file_goes_on_past_the_sizes_of_its_time_stamps(tmp_path: Path, ending: str, power: int) -> None:
    output = tmp_path / f"o.{ending}"
    sink = opened(output)
    first = 2**power - 4 * STEP
    for number in range(8):
        frame = frame_of(number)
        frame.pts += first
        sink.write(frame)
    sink.finish()
    sink.close()
    stamps = stamps_of(output)
    assert [number_of(image) for image in decode(output)] == list(range(8))
    steps = {float(after - before) for before, after in itertools.pairwise(stamps)}
    assert all(abs(step - float(Fraction(STEP) * SPEC.time_base)) < 0.001 for step in steps)
