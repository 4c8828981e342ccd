"""The main job from the command line, on a real person in a made-up room: gone, and nothing else is."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.runs import Ended, Run
from tests.scenes import Scene, frames_of, make_scene, psnr, sound_of
from tests.waiting import wait_until

FRAMES = 40


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene") / "walk.mp4", FRAMES)


@dataclass(frozen=True)
class Calm:
    """What an undisturbed run wrote, how it ended, and what its output process had mapped meanwhile."""

    out: Path
    ended: Ended
    maps: list[str]


@pytest.fixture(scope="module")
def calm(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    folder = tmp_path_factory.mktemp("calm")
    run, out = begun(scene, folder), folder / "out.mkv"
    wait_until(lambda: part_of(out).exists(), timeout=90)
    maps = [Path(f"/proc/{worker.pid}/maps").read_text() for worker in run.workers("output")]
    return Calm(out, finished(run), maps)


def begun(scene: Scene, folder: Path, fault: str = "") -> Run:
    """From the scene to out.mkv, without loss."""
    given = ("-i", str(scene.path), "-o", str(folder / "out.mkv"), "--set", "output.codec=ffv1")
    return Run(folder, "remove-people", *given, fault=fault)


def finished(run: Run) -> Ended:
    ended = run.end(120)
    assert ended.code == 0, ended.stderr
    return ended


def part_of(out: Path) -> Path:
    """The file while it is written."""
    return out.with_name(f"{out.name}.part")


def test_the_person_is_gone_the_room_is_there_and_the_sound_is_the_same(scene: Scene, calm: Calm) -> None:
    out, ended = calm.out, calm.ended
    before, after = frames_of(scene.path), frames_of(out)
    assert len(after) == len(before) == FRAMES
    assert sound_of(out) == sound_of(scene.path)
    assert ended.report["ledger_balanced"]
    assert ended.frames["output"] == FRAMES
    assert {model["name"] for model in ended.report["models"]} >= {"yolov5s-seg"}
    gained = []
    for index in range(15, FRAMES):
        hole = cv2.dilate(scene.masks[index], np.ones((7, 7), np.uint8)) > 0
        if not hole.any():
            continue
        gained.append(psnr(after[index], scene.room, hole) - psnr(before[index], scene.room, hole))
        far = cv2.dilate(scene.masks[index], np.ones((61, 61), np.uint8)) == 0
        assert psnr(after[index], before[index], far) > 40
    assert len(gained) > 15
    assert float(np.mean(gained)) > 12
    assert not part_of(out).exists()


@pytest.mark.long
def test_killed_in_the_middle_it_gives_the_same_picture_as_undisturbed(
    scene: Scene, calm: Calm, tmp_path: Path
) -> None:
    """Who remembers the room is killed by a fault, who writes the file from outside, a moment later. In one run: until
    a network is there takes longer than all else."""
    run = begun(scene, tmp_path, fault=f"plate:before_commit:20=kill@{tmp_path}/once")
    wait_until(lambda: (tmp_path / "once").exists(), timeout=90)
    (writer,) = run.workers("output")
    writer.kill()
    ended = finished(run)
    for stage in ("plate", "output"):
        assert ended.report["stages"][stage]["restarts"] == 1
        assert calm.ended.report["stages"][stage]["restarts"] == 0
    undisturbed, killed = frames_of(calm.out), frames_of(tmp_path / "out.mkv")
    assert len(undisturbed) == len(killed) == FRAMES
    assert all(np.array_equal(a, b) for a, b in zip(undisturbed, killed, strict=True))


@pytest.mark.long
def test_an_interrupted_run_leaves_what_it_had_finished_as_a_playable_file(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    part = part_of(out)
    run = Run(tmp_path, "remove-people", "-i", str(scene.path), "-o", str(out))
    wait_until(lambda: part.exists() and part.stat().st_size > 5000, timeout=90)
    run.process.send_signal(signal.SIGINT)
    ended = run.end(60)
    assert ended.code == 130
    assert ended.report["result"] == "interrupted"
    assert len(frames_of(out)) == ended.frames["output"] > 0
    assert not part.exists()


def test_the_output_process_never_holds_the_raw_picture(calm: Calm) -> None:
    assert calm.maps
    assert all("memfd:cleanplate:clean" in text and "memfd:cleanplate:image" not in text for text in calm.maps)
