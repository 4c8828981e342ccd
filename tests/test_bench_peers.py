"""What benchmarks.peers starts, hears and measures of others is what they do; and none of it is left behind."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import peers_queue, peers_run, peers_scripts
from benchmarks.peers_configs import copied, named, paced, unremembered
from benchmarks.peers_job import Job, Said
from benchmarks.peers_known import TASKS, Peer
from benchmarks.peers_memory import Peak
from benchmarks.peers_opencv import Subtracted
from benchmarks.peers_stages import Paced
from benchmarks.peers_start import bar, last_line, reported, script
from pipeline.config import load_config
from pipeline.errors import RunError
from pipeline.frame import Image
from tests.clips import decode, make_clip, number_of, read_all
from tests.frames import scenery
from tests.waiting import wait_until

WIDTH, HEIGHT, SIDE = 160, 120, 30


def job(folder: Path, few: int = 0, frames: int = 12) -> Job:
    return Job(folder / "in.mp4", folder / "out.mp4", folder, folder / "lama.pt", frames, few)


# OpenCV alone


def walk(index: int) -> tuple[Image, slice]:
    """A square that comes in after twenty frames and goes across; where it is, in columns."""
    picture = scenery(HEIGHT, WIDTH)
    left = 4 * (index - 20)
    columns = slice(max(0, left), max(0, left + SIDE))
    if index >= 20:
        cv2.rectangle(picture, (left, 40), (left + SIDE - 1, 40 + SIDE - 1), (0, 0, 255), -1)
    return picture, columns


@pytest.mark.parametrize("remembered", [True, False])
def test_opencv_takes_out_what_moves(remembered: bool) -> None:
    loop, room = Subtracted(remembered=remembered), scenery(HEIGHT, WIDTH)
    results = [(loop.clean(picture), columns) for picture, columns in (walk(index) for index in range(40))]
    assert all(np.array_equal(result, room) for result, _ in results[:20]), "nothing has moved yet"
    late, columns = results[35]
    error = np.abs(late[40 : 40 + SIDE, columns].astype(int) - room[40 : 40 + SIDE, columns])
    assert error.mean() < (3 if remembered else 60)
    assert np.abs(walk(35)[0][40 : 40 + SIDE, columns].astype(int) - room[40 : 40 + SIDE, columns]).mean() > 60
    assert 15 <= loop.calls <= 20


def test_opencv_leaves_the_first_picture_as_it_is_though_all_of_it_is_new() -> None:
    loop = Subtracted(remembered=False)
    picture, _ = walk(30)
    assert np.array_equal(loop.clean(picture), picture)


# Queues


@pytest.mark.real
def test_queues_hand_on_every_frame_in_its_order_and_leave_no_process(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 12)
    ran = peers_queue.run(clip, tmp_path / "out.mp4", most=9)
    assert [number_of(image) for image in decode(tmp_path / "out.mp4")] == list(range(9))
    assert len(ran.seconds) == 9
    assert min(ran.seconds) > 0
    assert ran.whole_s is not None
    assert max(ran.seconds) <= ran.whole_s
    assert ran.inpainted == 0
    assert not multiprocessing.active_children()


@pytest.mark.real
def test_an_end_that_fails_ends_the_other_processes_of_the_queues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "in.mp4", 12)

    def fail(*_: Any) -> None:
        assert len(multiprocessing.active_children()) == 2
        raise OSError("no room")

    monkeypatch.setattr(peers_queue, "_fill", fail)
    with pytest.raises(OSError, match="no room"):
        peers_queue.run(clip, tmp_path / "out.mp4")
    assert not multiprocessing.active_children()


@pytest.mark.real
@pytest.mark.long
def test_queues_find_and_fill_people_with_the_network_of_the_shipped_pipeline(tmp_path: Path) -> None:
    from benchmarks.peers_clips import removed
    from benchmarks.removal_clip import make_clip as make_people

    clip = make_people(tmp_path / "in.mp4", 1, 24, (320, 180))
    ran = peers_queue.run(clip.path, tmp_path / "out.mp4", filler="push-pull")
    assert ran.inpainted > 8
    before, after = (removed(clip, path, range(24))["inside_db"] for path in (clip.path, tmp_path / "out.mp4"))
    assert after > before + 3


# Scripts, and what is heard of them


def test_a_script_says_last_how_it_went(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = make_clip(tmp_path / "in.mp4", 12)
    peers_scripts.main(["copy", str(clip), str(tmp_path / "out.mp4"), "--every", "4", "--most", "3"])
    said = capfd.readouterr().out
    found = json.loads(said)
    heard = last_line("a warning\n" + said, job(tmp_path))
    assert [number_of(image) for image in decode(tmp_path / "out.mp4")] == [2, 6, 10]
    assert found["frames"] == 3
    assert (heard.steady_fps, heard.late_ms, heard.cpu_s) == (found["steady_fps"], found["late_ms"], found["cpu_s"])


@pytest.mark.parametrize("said", ["", "Traceback\nKeyError: 3", "[]", '{"frames": 3}'])
def test_a_script_that_says_nothing_is_no_figure(said: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no figures"):
        last_line(said, job(tmp_path))


def test_a_progress_bar_tells_rate_and_lateness_and_a_report_its_own(tmp_path: Path) -> None:
    assert bar("100%|##| 18/18 [00:05<00:00,  4.00it/s]", job(tmp_path)) == Said(4.0, 250.0)
    job(tmp_path).report.write_text('{"fps": 17.5, "latency_ms": {"p50": 80.5, "p99": 90}}')
    assert reported("", job(tmp_path)) == Said(17.5, 80.5)


def test_who_takes_seconds_for_a_frame_is_given_few_spread_over_the_clip(tmp_path: Path) -> None:
    command = [str(part) for part in script("usual")(job(tmp_path, few=3))]
    assert command[-4:] == ["--every", "4", "--most", "3"]
    assert command[command.index("--lama") + 1] == str(tmp_path / "lama.pt")
    assert list(peers_run.looked_at(job(tmp_path, few=3))) == [2, 6, 10]
    assert list(peers_run.looked_at(job(tmp_path))) == list(range(12))


# Ours beside them


CONFIGS = {
    "copied": (copied, 2),
    "unremembered": (unremembered, 5),
    "copied, paced": (paced(copied), 2),
    "shipped, paced": (paced(named("remove-people")), 6),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_pipeline_of_ours_that_stands_beside_is_a_valid_one(name: str, tmp_path: Path) -> None:
    config, stages = CONFIGS[name]
    make_clip(tmp_path / "in.mp4", 2)
    plan = load_config(str(config(job(tmp_path))), given=str(tmp_path / "in.mp4"), wanted="x.mp4", environment={})
    assert isinstance(plan.stages[0].stage, Paced) == name.endswith("paced")
    assert len(plan.stages) == stages


def test_frames_come_no_sooner_than_a_camera_would_bring_them(tmp_path: Path) -> None:
    source = Paced(input=str(make_clip(tmp_path / "in.mp4", 6)), pace=40)
    begun = time.monotonic()
    _, images, _ = read_all(source)
    assert time.monotonic() - begun >= 5 / 40
    assert [number_of(image) for image in images] == list(range(6))


def test_each_task_has_others_and_last_of_all_ours_as_shipped() -> None:
    for name, peers in TASKS.items():
        names = [peer.name for peer in peers]
        assert len(set(names)) == len(names), name
        assert peers[-1].ours
        assert not peers[0].ours


# Measuring


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds 40 MB and has a child that holds as much; `ready` is there when both do."""
    hold = "held = bytearray(b'x') * 40_000_000"
    child = f"import pathlib, sys; {hold}; pathlib.Path(sys.argv[1]).touch(); sys.stdin.read()"
    code = f"import subprocess, sys; {hold}; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "ready"], stdin=subprocess.PIPE) as process:
        wait_until((tmp_path / "ready").exists)
        yield process
        assert process.stdin
        process.stdin.close()
        process.wait()


def test_memory_is_that_of_a_process_and_all_below_it(tree: subprocess.Popen[bytes]) -> None:
    peak = Peak()
    peak(tree.pid)
    assert 80 < peak.mb < 140


def test_a_process_that_has_ended_takes_no_memory_and_is_no_error() -> None:
    peak = Peak()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    peak(process.pid)
    assert peak.mb == 0


def toy(name: str, *, fps: float, queued: bool = False, ours: bool = False) -> Peer:
    """Writes a file of 6000 bytes, and a line of its figures with its name into a diary."""

    def start(this: Job, late: float) -> list[str | Path]:
        said = json.dumps({"steady_fps": fps, "late_ms": late, "cpu_s": 1.5})
        body = "import sys; open(sys.argv[1], 'wb').write(b'p' * 6000); open(sys.argv[2], 'a').write(sys.argv[3] + ' ')"
        return [sys.executable, "-c", f"{body}; print(sys.argv[4])", this.output, this.folder / "diary", name, said]

    slow = (lambda this: start(this, 7.0)) if queued else None
    return Peer(name, "a toy", lambda this: start(this, 900.0), last_line, slow, ours=ours)


def test_peers_take_turns_and_each_figure_is_the_median_of_its_rounds(tmp_path: Path) -> None:
    peers = (toy("a", fps=20.0), toy("b", fps=30.0, queued=True, ours=True))
    task = peers_run.Task("copy", tmp_path / "in.mp4", 12, peers, lambda made, at: {"whole_db": 40.0 + len(at)})
    told: list[str] = []
    found = peers_run.measure(task, tmp_path, tmp_path / "lama.pt", 2, told.append)
    assert (tmp_path / "diary").read_text().split() == ["a", "b", "b"] * 2, "b once more, its frames coming one by one"
    assert len(told) == 4
    assert found["a"]["steady_fps"] == 20.0
    assert (found["a"]["late_ms"], found["b"]["late_ms"]) == (900.0, 7.0)
    assert found["a"]["kb_per_frame"] == 0.5
    assert found["b"]["whole_db"] == 52.0
    assert found["b"]["of_rounds"]["steady_fps"] == [30.0, 30.0]
    assert 0 < found["a"]["cpu_ms_per_frame"] < 1500 / 12, "that of the whole command, seen from outside"
    assert found["a"]["frames_per_s"] < 12 / 0.005, "a process takes its time to start"


def test_a_peer_that_fails_ends_the_measurement_with_what_it_said(tmp_path: Path) -> None:
    failing = Peer("c", "a toy", lambda this: [sys.executable, "-c", "raise SystemExit('no such thing')"], last_line)
    task = peers_run.Task("copy", tmp_path / "in.mp4", 12, (failing,))
    with pytest.raises(RunError, match="no such thing"):
        peers_run.measure(task, tmp_path, tmp_path / "lama.pt", 1, lambda _: None)
