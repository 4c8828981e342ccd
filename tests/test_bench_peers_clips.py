"""What peers make is judged by the truth of the clip, frame by frame, also where they looked at a few frames only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import peers_clips, privacy_clips, quality_clips
from benchmarks.peers_known import TASKS
from benchmarks.privacy_clips import Place
from benchmarks.quality_clips import File
from benchmarks.removal_clip import Clip, Cutout
from pipeline.frame import Image
from tests.clips import DATA, make_clip, needs
from tests.frames import scenery

WIDTH, HEIGHT, FRAMES = 160, 120, 10
FACE = (20.0, 20.0, 60.0, 60.0)

lossless = partial(make_clip, codec="ffv1", pixels="bgr0")


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Somebody red, 20 by 40, walks through a room from the left, 10 pixels a frame."""
    red = np.zeros((40, 20, 3), np.uint8)
    red[..., 2] = 255
    places = [[(10 * index, 50)] for index in range(FRAMES)]
    made = Clip(tmp_path / "in.mkv", scenery(HEIGHT, WIDTH), [Cutout(red, np.full((40, 20), 255, np.uint8))], places)
    lossless(made.path, [made.frame(index) for index in range(FRAMES)])
    return made


def test_the_empty_room_is_the_best_answer_and_the_input_the_worst(clip: Clip, tmp_path: Path) -> None:
    lossless(tmp_path / "room.mkv", [clip.room] * FRAMES)
    best = peers_clips.removed(clip, tmp_path / "room.mkv", range(FRAMES))
    worst = peers_clips.removed(clip, clip.path, range(FRAMES))
    assert best["inside_db"] > 100
    assert best["flicker"] == 0
    assert worst["inside_db"] < 15
    assert worst["outside_db"] > 100, "there it is as it was"


def test_few_frames_are_compared_with_those_of_the_clip_that_they_are(clip: Clip, tmp_path: Path) -> None:
    at = range(1, FRAMES, 4)
    lossless(tmp_path / "few.mkv", [clip.frame(index) for index in at])
    found = peers_clips.removed(clip, tmp_path / "few.mkv", at)
    assert found["inside_db"] < 15
    assert found["flicker"] is None, "frames that do not follow each other cannot flicker"
    with pytest.raises(ValueError, match="zip"):
        peers_clips.removed(clip, tmp_path / "few.mkv", range(FRAMES))


def test_a_copy_is_judged_by_all_of_its_pixels(clip: Clip, tmp_path: Path) -> None:
    def darker(by: int) -> Path:
        path = tmp_path / f"{by}.mkv"
        lossless(path, [np.clip(clip.frame(n).astype(int) - by, 0, 255).astype(np.uint8) for n in range(FRAMES)])
        return path

    found = [peers_clips.copied(clip, darker(by), range(FRAMES))["whole_db"] for by in (0, 1, 10)]
    assert found[0] > 100
    assert 47 < found[1] < 50
    assert 27 < found[2] < 30


def test_a_file_that_lacks_frames_is_no_copy(clip: Clip, tmp_path: Path) -> None:
    lossless(tmp_path / "short.mkv", [clip.frame(0)] * (FRAMES - 1))
    with pytest.raises(ValueError, match="zip"):
        peers_clips.copied(clip, tmp_path / "short.mkv", range(FRAMES))


def boxed(image: Image, box: tuple[float, float, float, float]) -> Image:
    x0, y0, x1, y1 = map(int, box)
    covered = image.copy()
    covered[y0:y1, x0:x1] = 0
    return covered


@pytest.mark.parametrize(
    ("cover", "recall", "in_vain"),
    [
        (lambda index, image: boxed(image, FACE), 1.0, False),
        (lambda index, image: boxed(image, FACE) if index < 5 else image, 0.5, False),
        (lambda index, image: boxed(image, (140, 0, 160, 120)), 0.0, True),
    ],
)
def test_faces_count_where_their_boxes_are_covered(
    cover: Callable[[int, Image], Image], recall: float, in_vain: bool, tmp_path: Path
) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    clip = privacy_clips.Clip("crowd", lossless(tmp_path / "in.mkv", [image] * 10), 25.0, [[Place(0, FACE, True)]] * 10)
    lossless(tmp_path / "out.mkv", [cover(index, image) for index in range(10)])
    found = peers_clips.covered(clip, tmp_path / "out.mkv", range(10))
    assert found["seen"] == 10
    assert found["recall"] == recall
    assert (found["far_share"] > 0) == in_vain


def test_faces_are_left_out_where_nothing_is_known_of_any(tmp_path: Path) -> None:
    assert not list(peers_clips.tasks(tmp_path, None, 4, "faces"))


@pytest.mark.long
def test_clips_with_a_known_background_are_those_of_people_and_lama_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = needs(DATA / "composites")
    own = File("made here", Path("none"), [], [], ours=True)  # to make it takes a network
    monkeypatch.setattr(quality_clips, "_own", lambda scratch: own)
    found = {task.name: task for task in peers_clips.composites(tmp_path, folder.parent)}
    assert "moving_goat_cross" in found
    assert "fixed_room_dog" not in found
    assert [peer.name for peer in found["moving_goat_cross"].peers] == [p.name for p in TASKS["remove"] if not p.few]
    task = found["moving_goat_cross"]
    assert task.judge
    with av.open(str(task.clip)) as box:
        assert task.frames == sum(1 for _ in box.decode(video=0))
