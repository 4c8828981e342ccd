"""Whole runs in which somebody says who goes: by clicks and zones, while frames flow, with the models as shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pipeline.admin import ask
from pipeline.errors import ConfigError
from pipeline.frame import KEPT
from pipeline.reading import shipped
from pipeline.requests import Change, Pause, Resume, Status
from tests.clips import make_clip
from tests.frames import noisy
from tests.runs import Run
from tests.scenes import cutout, frames_of, psnr, room
from tests.toys_choosing import Kept, shelf
from tests.waiting import wait_until

LEFT, RIGHT = (80, 110), (430, 110)  # x, y of who stands there
POSTER = np.s_[50:110, 290:350]  # hangs on the wall between them
ZONE = [[0.42, 0.1], [0.58, 0.1], [0.58, 0.36], [0.42, 0.36]]  # around it: 269..371 x 36..130
HALF = [[0.6, 0], [1, 0], [1, 1], [0.6, 1]]


def standing(x: int, y: int) -> np.ndarray:
    """Where somebody is, uint8 [H, W]."""
    mask = np.zeros(room().shape[:2], np.uint8)
    shape = cutout()[1]
    mask[y : y + shape.shape[0], x : x + shape.shape[1]] = shape
    return mask


def pictures(count: int) -> list[np.ndarray]:
    """Two people stand in the room, a red poster between them, in the noise of a camera."""
    empty, person = room(), cutout()[0]
    empty[POSTER] = (30, 20, 200)
    for x, y in (LEFT, RIGHT):
        part = np.s_[y : y + person.shape[0], x : x + person.shape[1]]
        empty[part][standing(x, y)[part] > 0] = person[standing(x, y)[part] > 0]
    return [noisy(empty, seed, 1.5) for seed in range(count)]


def pipeline(name: str, folder: Path, source: dict[str, Any] | None = None) -> dict[str, Any]:
    """A shipped one that puts its frames on a shelf, with a quicker look."""
    config: dict[str, Any] = yaml.safe_load(shipped()[name].read_text())
    stages = {stage["name"]: stage for stage in config["stages"]}
    stages["output"] |= {"uses": "tests.toys_choosing:Shelf", "with": {"output": str(folder / "shelf")}}
    stages["segmentation"]["with"]["size"] = 480
    stages["ingest"] |= source or {}
    return config


@dataclass
class Steered:
    """A run that is told something between its frames, and how many frames were out each time."""

    run: Run
    folder: Path
    cuts: list[int] = field(default_factory=list)

    def more(self, count: int) -> None:
        """Let so many more frames come out."""
        wanted = len(shelf(self.folder)) + count
        wait_until(lambda: len(shelf(self.folder)) >= wanted or self.run.process.poll() is not None, 90)
        assert self.run.process.poll() is None, (self.run.folder / "stderr").read_text()

    def hold(self) -> None:
        """Until nothing is under way."""
        ask("toy", Pause())
        wait_until(lambda: ask("toy", Status())["frames"]["under_way"] == 0)
        self.cuts.append(len(shelf(self.folder)))

    def say(self, name: str, value: Any) -> Any:
        return ask("toy", Change(stage="tracking", field=name, value=value))["to"]

    @property
    def newest(self) -> Kept:
        return Kept(shelf(self.folder)[-1])

    def parts(self) -> list[list[Kept]]:
        """The frames between the holds."""
        paths, cuts = shelf(self.folder), [0, *self.cuts]
        bounds = zip(cuts, [*cuts[1:], len(paths)], strict=True)
        return [[Kept(path) for path in paths[first:last]] for first, last in bounds]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> list[list[Kept]]:
    """The frames of a file before anything was said; with one chosen; with zones and all removed; with one kept."""
    folder = tmp_path_factory.mktemp("story")
    clip = make_clip(folder / "two.mkv", pictures(90), codec="ffv1", pixels="bgr0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(folder / "state"))
        run = Run(folder, pipeline("remove-chosen", folder), "-i", str(clip), "--name", "toy")
        steered = Steered(run, folder / "shelf")
        steered.more(5)
        steered.hold()
        _is_refused(steered)
        left = int(steered.newest.at(LEFT[0] + 40, LEFT[1] + 110)["track"])
        steered.say("chosen", [left])
        ask("toy", Resume())
        steered.more(5)
        steered.hold()
        for name, value in (("remove", "all"), ("hide", [ZONE]), ("spare", [HALF])):
            assert steered.say(name, value) == value
        ask("toy", Resume())
        steered.more(5)
        steered.hold()
        for name, value in (("kept", [left]), ("spare", [])):
            steered.say(name, value)
        ask("toy", Resume())
        steered.more(5)
        run.process.terminate()
        assert run.end().code == 143
    parts = steered.parts()
    assert [len(part) >= 5 for part in parts] == [True] * 4
    return parts


def _is_refused(steered: Steered) -> None:
    before = ask("toy", Status())["stages"]["tracking"]["live"]
    for name, value, words in (
        ("chosen", [0], "chosen.0: input should be greater than or equal to 1, not 0"),
        ("hide", [[[0, 0], [2, 0], [0, 1]]], "hide.0.1.0: input should be less than or equal to 1, not 2"),
        ("spare", [[[0, 0], [1, 1]]], "at least 3 items"),
        ("remove", "none", "input should be 'all' or 'chosen'"),
    ):
        with pytest.raises(ConfigError, match=r"^toy: tracking: ") as refusal:
            steered.say(name, value)
        assert words in str(refusal.value)
    assert ask("toy", Status())["stages"]["tracking"]["live"] == before


def covered(frame: Kept, place: tuple[int, int]) -> float:
    """The share of somebody that is masked."""
    return float((frame.mask[standing(*place) > 0] > 0).mean())


def test_nothing_is_touched_until_somebody_is_chosen(story: list[list[Kept]]) -> None:
    for frame in story[0]:
        assert not frame.mask.any()
        assert np.array_equal(frame.clean, frame.image)
        for x, y in (LEFT, RIGHT):
            assert frame.at(x + 40, y + 110)["flags"] & KEPT


def test_who_is_clicked_goes_from_the_next_frame_on_and_the_other_one_stays(story: list[list[Kept]]) -> None:
    empty, there = room(), standing(*LEFT) > 0
    for frame in story[1]:
        assert covered(frame, LEFT) > 0.95
        assert covered(frame, RIGHT) == 0
        assert np.array_equal(frame.clean[:, 384:], frame.image[:, 384:])
        assert psnr(frame.clean, empty, there) > psnr(frame.image, empty, there) + 5, "he still shows"
        assert not frame.at(LEFT[0] + 40, LEFT[1] + 110)["flags"] & KEPT


def test_a_zone_hides_what_was_in_full_sight_and_another_spares_who_is_in_it(story: list[list[Kept]]) -> None:
    for frame in story[2]:
        assert (frame.mask[38:128, 271:369] == 255).all()
        assert covered(frame, LEFT) > 0.95
        assert not frame.mask[:, 385:].any(), "all are removed, but nobody in there"
        assert np.array_equal(frame.clean[:, 385:], frame.image[:, 385:])


def test_the_plate_does_not_show_what_a_zone_hides(story: list[list[Kept]]) -> None:
    """The poster was seen in all frames before."""
    for frame in story[2] + story[3]:
        assert np.abs(frame.image[POSTER].astype(int) - room()[POSTER]).mean() > 80
        assert np.abs(frame.clean[POSTER].astype(int) - room()[POSTER]).mean() < 25


def test_who_is_kept_stands_there_again_and_the_other_one_goes(story: list[list[Kept]]) -> None:
    for frame in story[3]:
        assert covered(frame, LEFT) == 0
        assert covered(frame, RIGHT) > 0.95
        assert (frame.mask[38:128, 271:369] == 255).all()
        assert np.array_equal(frame.clean[:, :268], frame.image[:, :268])


@pytest.mark.long
def test_a_click_into_a_live_picture_counts_from_the_frames_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    np.save(tmp_path / "pictures.npy", np.stack(pictures(8)))
    camera = {"uses": "tests.toys_choosing:Camera", "with": {"input": str(tmp_path / "pictures.npy"), "rate": 6}}
    config = pipeline("remove-chosen", tmp_path, camera)
    run = Run(tmp_path, config, "--name", "toy")
    steered = Steered(run, tmp_path / "shelf")
    try:
        steered.more(6)
        right = int(steered.newest.at(RIGHT[0] + 40, RIGHT[1] + 110)["track"])
        seen = steered.newest.index
        steered.say("chosen", [right])
        answered = steered.newest.index
        steered.more(8)
    finally:
        run.process.terminate()
    assert run.end().code == 143
    frames = [Kept(path) for path in shelf(tmp_path / "shelf")]
    first = next(frame.index for frame in frames if frame.mask.any())
    assert seen < first <= answered + 6, "frames that were under way are those of before"
    for frame in frames:
        assert (covered(frame, RIGHT) > 0.95) == (frame.index >= first)
        assert covered(frame, LEFT) == 0
        if frame.index >= first:
            assert psnr(frame.clean, room(), standing(*RIGHT) > 0) > psnr(frame.image, room(), standing(*RIGHT) > 0) + 5


@pytest.mark.long
def test_a_zone_of_remove_people_is_hidden_in_every_frame_of_a_file_and_spared_losslessly(tmp_path: Path) -> None:
    """And it is invented once: what the inpainter made of it is what the plate knows from then on."""
    clip = make_clip(tmp_path / "two.mkv", pictures(16), codec="ffv1", pixels="bgr0")
    out = tmp_path / "out.mkv"
    zones = ("--set", f"tracking.hide=[{ZONE}]", "--set", f"tracking.spare=[{HALF}]")
    lossless = ("--set", "output.codec=ffv1", "--set", "segmentation.size=480")
    ended = Run(tmp_path, "remove-people", "-i", str(clip), "-o", str(out), *zones, *lossless).end(120)
    assert ended.code == 0, ended.stderr
    before, after = frames_of(clip), frames_of(out)
    assert len(after) == 16
    gone = cv2.erode(standing(*LEFT), np.ones((5, 5), np.uint8)) > 0
    for one, other in zip(before, after, strict=True):
        assert np.abs(one[:, 386:].astype(int) - other[:, 386:]).max() <= 3, "what yuv does not bring back"
        assert psnr(other, room(), gone) > psnr(one, room(), gone) + 5
        assert np.abs(other[POSTER].astype(int) - room()[POSTER]).mean() < 25
    print(ended.report["stages"]["inpainting"])
    assert ended.report["stages"]["inpainting"]["counts"]["inpainted"] <= 8, "not anew in each frame"
