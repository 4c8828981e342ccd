"""The main job from the command line, on a real person in a made-up room: gone, and nothing else is."""

from __future__ import annotations

import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.runs import Run
from tests.scenes import Scene, frames_of, make_scene, psnr, sound_of
from tests.waiting import wait_until

FRAMES = 40


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene") / "walk.mp4", FRAMES)


def test_the_person_is_gone_the_room_is_there_and_the_sound_is_the_same(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    run = Run(tmp_path, "remove-people", "-i", str(scene.path), "-o", str(out), "--set", "output.codec=ffv1")
    ended = run.end(120)
    assert ended.code == 0, ended.stderr
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
    assert not (tmp_path / "out.mkv.part").exists()


@pytest.mark.parametrize("stage", ["plate", "output"])
def test_killed_in_the_middle_it_gives_the_same_picture_as_undisturbed(
    scene: Scene, tmp_path: Path, stage: str
) -> None:
    results = []
    for name, fault in (("calm", ""), ("killed", f"{stage}:before_commit:20=kill@{tmp_path}/once")):
        folder = tmp_path / name
        folder.mkdir()
        out = folder / "out.mkv"
        run = Run(
            folder, "remove-people", "-i", str(scene.path), "-o", str(out), "--set", "output.codec=ffv1", fault=fault
        )
        ended = run.end(120)
        assert ended.code == 0, ended.stderr
        assert ended.report["stages"][stage]["restarts"] == bool(fault)
        results.append(frames_of(out))
    calm, killed = results
    assert len(calm) == len(killed) == FRAMES
    assert all(np.array_equal(a, b) for a, b in zip(calm, killed, strict=True))


def test_an_interrupted_run_leaves_what_it_had_finished_as_a_playable_file(scene: Scene, tmp_path: Path) -> None:
    out, part = tmp_path / "out.mp4", tmp_path / "out.mp4.part"
    run = Run(tmp_path, "remove-people", "-i", str(scene.path), "-o", str(out))
    wait_until(lambda: part.exists() and part.stat().st_size > 5000, timeout=90)
    run.process.send_signal(signal.SIGINT)
    ended = run.end(60)
    assert ended.code == 130
    assert ended.report["result"] == "interrupted"
    assert len(frames_of(out)) == ended.frames["output"] > 0
    assert not part.exists()


def test_the_output_process_never_holds_the_raw_picture(scene: Scene, tmp_path: Path) -> None:
    run = Run(tmp_path, "remove-people", "-i", str(scene.path), "-o", str(tmp_path / "out.mp4"))
    wait_until(lambda: (tmp_path / "out.mp4.part").exists(), timeout=90)
    maps = [Path(f"/proc/{worker.pid}/maps").read_text() for worker in run.workers("output")]
    run.process.send_signal(signal.SIGTERM)
    assert run.end(60).code in (143, 0)
    assert maps
    assert all("memfd:cleanplate:clean" in text and "memfd:cleanplate:image" not in text for text in maps)
