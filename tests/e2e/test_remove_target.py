"""remove-target from the command line: who is pointed at goes, who is not stays, and the preview shows the mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.frame import Image
from tests.clips import make_clip
from tests.runs import Run
from tests.scenes import cutout, frames_of, psnr, room
from tests.thorough import rarely

FRAMES = 18
QUICK = ("--set", "target.model=yolov5s-seg", "--set", "target.size=320", "--set", "segmentation.size=480")
HASTY = (*QUICK, "--set", "target.engine=torch", "--set", "segmentation.engine=torch")  # sooner there, slower then


@dataclass(frozen=True)
class Street:
    """The clip, the empty room, and where the one who walks and the one who stands are, uint8 [H, W]."""

    path: Path
    empty: Image
    walking: list[Image]
    standing: Image


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """One walks from left to right in front of an empty wall; another one stands at the right."""
    person, shape = cutout()
    height, width = shape.shape
    empty, images, walking = room(), [], []
    standing = np.zeros(empty.shape[:2], np.uint8)
    standing[100 : 100 + height, 480 : 480 + width] = shape[:, ::-1]
    for index in range(FRAMES):
        image, mask = empty.copy(), np.zeros(empty.shape[:2], np.uint8)
        image[100 : 100 + height, 480 : 480 + width][shape[:, ::-1] > 0] = person[:, ::-1][shape[:, ::-1] > 0]
        x = 30 + 16 * index
        image[110 : 110 + height, x : x + width][shape > 0] = person[shape > 0]
        mask[110 : 110 + height, x : x + width] = shape
        images.append(image)
        walking.append(mask)
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    return Street(make_clip(path, images, options={"crf": "12"}), empty, walking, standing)


def arguments(street: Street, out: Path) -> list[str]:
    rows, columns = np.flatnonzero(street.walking[0].max(1)), np.flatnonzero(street.walking[0].max(0))
    box = f"{columns[0]},{rows[0]},{columns[-1] - columns[0] + 1},{rows[-1] - rows[0] + 1}@0"
    codecs = ("--set", "output.codec=ffv1", "--set", "preview.codec=ffv1")
    return ["remove-target", "-i", str(street.path), "-o", str(out), "--target", box, *QUICK, *codecs]


@pytest.fixture(scope="module")
def calm(street: Street, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run."""
    folder = tmp_path_factory.mktemp("calm")
    ended = Run(folder, *arguments(street, folder / "out.mkv")).end(120)
    assert ended.code == 0, ended.stderr
    return folder


def test_who_is_pointed_at_goes_and_who_is_not_stays(street: Street, calm: Path) -> None:
    before, after, preview = frames_of(street.path), frames_of(calm / "out.mkv"), frames_of(calm / "out-preview.mkv")
    assert len(before) == len(after) == len(preview) == FRAMES
    assert preview[0].shape == (720, 1280, 3)
    gained = []
    for index in range(FRAMES):
        stands = street.standing > 0
        assert psnr(after[index], before[index], stands) > 38
        hole = cv2.dilate(street.walking[index], np.ones((7, 7), np.uint8)) > 0
        mask = preview[index][360:, 640:, 2] > 127  # red on blue
        assert np.count_nonzero(mask & (street.walking[index] > 0)) > 0.9 * np.count_nonzero(street.walking[index])
        assert not (mask & cv2.erode(street.standing, np.ones((25, 25), np.uint8)).astype(bool)).any()
        gained.append(psnr(after[index], street.empty, hole) - psnr(before[index], street.empty, hole))
    assert np.mean(gained[8:]) > 8, gained


@pytest.mark.long
def test_killed_in_the_middle_it_follows_on_as_if_undisturbed(street: Street, calm: Path, tmp_path: Path) -> None:
    fault = f"target:before_commit:9=kill@{tmp_path}/once"
    ended = Run(tmp_path, *arguments(street, tmp_path / "out.mkv"), fault=fault).end(120)
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["target"]["restarts"] == 1
    undisturbed, killed = (
        [frame[360:, 640:] for frame in frames_of(folder / "out-preview.mkv")] for folder in (calm, tmp_path)
    )
    assert len(undisturbed) == len(killed) == FRAMES
    assert all(np.array_equal(one, other) for one, other in zip(undisturbed, killed, strict=True))


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("1,2,3", 2, "is no target"),
        ("900,10,20,20", 3, "outside the picture"),
        *rarely(("car@2", 4, "no car in frame 2")),
    ],
)
def test_what_cannot_be_meant_ends_the_run_in_one_line(
    street: Street, tmp_path: Path, target: str, code: int, said: str
) -> None:
    out = str(tmp_path / "out.mkv")
    ended = Run(tmp_path, "remove-target", "-i", str(street.path), "-o", out, "--target", target, *HASTY).end(60)
    assert ended.code == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.long
def test_a_target_behind_the_end_of_a_stream_of_unknown_length_does_not_pass_in_silence(tmp_path: Path) -> None:
    given = ("remove-target", "-i", "lavfi:testsrc=s=320x240:d=0.4", "-o", str(tmp_path / "out.mkv"))
    ended = Run(tmp_path, *given, "--target", "person@100", *HASTY).end(60)
    assert ended.code == 4
    assert "target person@100: not there before the run ended" in ended.stderr
    assert ended.report["result"] == "completed_with_errors"
    assert ended.report["frames"]["output"] == 10
