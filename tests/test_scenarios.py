"""The clips with truth, and how they are judged: each does to a plate what it says."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import scenarios
from benchmarks.scenarios_clip import Scenario, Stage
from benchmarks.scenarios_judge import each, judge, psnr
from benchmarks.scenarios_plate import GivenInstances
from benchmarks.scenarios_scenery import Scenery
from benchmarks.scenarios_sheet import write_picture, write_sheet
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec, Image
from stages.ingest.still import read_still
from tests.frames import blank_frame

SMALL = Stage(width=160, height=90, count=30)


@cache
def clip(name: str) -> Scenario:
    return scenarios.make(name, SMALL)


def apart(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("name", scenarios.NAMES)
def test_a_clip_and_its_truth_differ_only_where_somebody_is_hidden(name: str) -> None:
    made = clip(name)
    assert len(made.frames) == len(made.masks) == len(made.hidden) == len(made.truth) == SMALL.count
    for frame, hidden, truth in zip(made.frames, made.hidden, made.truth, strict=True):
        assert np.abs(frame.astype(int) - truth)[hidden == 0].max(initial=0) <= 8, "a trace that is too faint to count"
    seen = [np.count_nonzero(hidden) for hidden in made.hidden]
    assert 0.02 < max(seen) / (SMALL.width * SMALL.height) < 0.4
    differs = [apart(frame, truth) for frame, truth in zip(made.frames, made.truth, strict=True)]
    assert max(differs) > 1


def test_a_clip_is_the_same_each_time() -> None:
    one, other = clip("wander"), scenarios.make("wander", SMALL)
    assert all(np.array_equal(a, b) for a, b in zip(one.frames + one.masks, other.frames + other.masks, strict=True))


@pytest.mark.parametrize(
    ("name", "longest", "runs"), [("miss-single", 1, 3), ("miss-five", 5, 2), ("miss-standing", 15, 1)]
)
def test_the_detector_misses_somebody_as_often_as_the_clip_says(name: str, longest: int, runs: int) -> None:
    made = scenarios.make(name, Stage(width=160, height=90, count=50))
    missed = "".join("x" if made.missed(index) else " " for index in range(50)).split()
    assert max(map(len, missed)) == longest
    assert len(missed) >= runs


def test_the_given_mask_covers_the_walker_with_a_margin() -> None:
    made = clip("drift")
    for index in range(14, 20):  # all of it is in the picture
        hidden, mask = made.hidden[index], made.masks[index]
        assert hidden.any()
        assert not hidden[mask == 0].any()
        assert np.count_nonzero(mask) > 1.5 * np.count_nonzero(hidden)


def test_shadow_and_reflection_lie_outside_the_given_mask() -> None:
    for name in ("shadow", "reflection"):
        made = clip(name)
        outside = [np.count_nonzero(hidden[mask == 0]) for mask, hidden in zip(made.masks, made.hidden, strict=True)]
        assert max(outside) > 150, name


def test_a_shadow_darkens_and_keeps_the_texture() -> None:
    made = clip("shadow")
    index = 16
    where = cv2.erode(made.hidden[index] & ~made.masks[index], np.ones((3, 3), np.uint8)) > 0
    assert where.any()
    shaded, bright = (picture[where].astype(float).mean(1) for picture in (made.frames[index], made.truth[index]))
    assert (shaded < bright).mean() > 0.98
    assert np.corrcoef(shaded, bright)[0, 1] > 0.6


def test_who_steps_aside_was_there_from_the_first_frame_on() -> None:
    made = clip("steps-aside")
    assert made.hidden[0].any()
    assert np.array_equal(made.hidden[0], made.hidden[9])
    assert not made.hidden[-1].any()


def test_a_cut_changes_the_whole_picture_and_back() -> None:
    truth = clip("cut").truth
    changes = [apart(one, other) for one, other in pairwise(truth)]
    assert sum(change > 15 for change in changes) == 2
    assert apart(truth[0], truth[-1]) < 3


@pytest.mark.parametrize("name", ["pan", "zoom", "roll", "shake", "wander"])
def test_the_homography_takes_the_first_background_to_each_of_the_others(name: str) -> None:
    made = clip(name)
    known = np.full((SMALL.height, SMALL.width), 255, np.uint8)
    for index in range(4, SMALL.count, 8):
        matrix, size = made.homographies[index], made.size
        moved = cv2.warpPerspective(made.truth[0], matrix, size, flags=cv2.INTER_CUBIC)
        where = cv2.erode(cv2.warpPerspective(known, matrix, size), np.ones((7, 7), np.uint8)) == 255
        if where.mean() > 0.2:
            assert psnr(moved, made.truth[index], where) > psnr(made.truth[0], made.truth[index], where) + 5
            assert psnr(moved, made.truth[index], where) > 24


def test_no_homography_describes_the_parallax() -> None:
    truth = clip("parallax").truth
    far, near = (slice(5, 40), slice(60, 88))
    shifts = [
        cv2.phaseCorrelate(*(cv2.cvtColor(truth[at][rows], cv2.COLOR_BGR2GRAY).astype(np.float64) for at in (0, 12)))[
            0
        ][0]
        for rows in (far, near)
    ]
    assert abs(shifts[1]) > 1.5 * abs(shifts[0]) > 1


def test_what_is_parked_belongs_to_the_truth() -> None:
    made = clip("parked")
    assert apart(made.truth[0], made.truth[-1]) > 2
    assert apart(made.truth[-6], made.truth[-1]) < 3, "it stands still"


def test_the_truth_itself_is_judged_perfect_and_the_input_is_not() -> None:
    made = clip("miss-single")
    best, worst = (judge(frames, made.truth, made.hidden) for frames in (made.truth, made.frames))
    assert best["inside_db"] > 100
    assert best["flicker"] == 0
    assert best["grain"] == pytest.approx(1)
    assert worst["inside_db"] < 22
    assert worst["outside_db"] > 40


def test_a_frozen_hole_has_no_grain_and_a_flickering_one_has_too_much() -> None:
    rng = np.random.default_rng(1)
    truth = [np.clip(128 + rng.normal(0, 3, (40, 40, 3)), 0, 255).astype(np.uint8) for _ in range(8)]
    hidden = [np.full((40, 40), 255, np.uint8)] * 8
    frozen, restless = [truth[0]] * 8, [truth[0] + np.uint8(20 * (at % 2)) for at in range(8)]
    assert judge(frozen, truth, hidden)["grain"] == 0
    assert judge(restless, truth, hidden)["flicker"] > 15


def test_frames_of_which_nobody_told_the_plate_are_not_judged() -> None:
    made = clip("miss-five")
    skipped = [made.missed(index) for index in range(SMALL.count)]
    moments = list(each(made.frames, made.truth, made.hidden, skipped))
    assert sum(skipped) >= 8
    assert all(np.isnan(moment.inside_db) for moment, skip in zip(moments, skipped, strict=True) if skip)


def test_the_plate_brings_the_room_back_and_says_what_it_did_not_know() -> None:
    made = clip("miss-single")
    outcome = scenarios.run_plate(made)
    found = scenarios.score(made, outcome)
    assert found["inside_db"] > 33
    assert found["outside_db"] > 40
    assert found["rest"] < 0.2
    first = scenarios.run_plate(clip("steps-aside")).rest
    assert first[0] == 1, "nobody has seen what is behind"


def test_tracking_is_given_who_was_found_and_nobody_where_nobody_was() -> None:
    made = clip("miss-five")
    stage = GivenInstances(path="")
    stage._masks = np.stack(made.masks)
    frame = blank_frame(FrameSpec(width=SMALL.width, height=SMALL.height), 14)
    for frame.index in (12, 16, 17):
        stage.process(frame)
        assert len(frame.found) == (0 if made.missed(frame.index) else 1)
        assert np.array_equal(frame.labels > 0, made.masks[frame.index] > 0)
        for row in frame.found:
            x0, y0, x1, y1 = row["box"].astype(int)
            assert frame.labels[y0:y1, x0:x1].sum() == frame.labels.sum()


def test_an_option_that_the_plate_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="toleranze"):
        scenarios.run_plate(clip("pan"), toleranze=3)


def test_an_unknown_scenario_is_refused_with_the_close_match() -> None:
    with pytest.raises(ConfigError, match=r"no scenario 'pam'.*pan"):
        scenarios.make("pam")


def test_places_of_ones_own_take_the_place_of_the_drawn_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no picture in it"):
        Scenery(tmp_path)
    with pytest.raises(ConfigError, match="no folder of pictures"):
        Scenery(tmp_path / "nowhere")
    write_picture(np.full((60, 120, 3), (10, 200, 30), np.uint8), tmp_path / "green.png")
    made = scenarios.make("drift", Stage(width=160, height=90, count=2, scenery=Scenery(tmp_path)))
    assert np.abs(made.truth[0].reshape(-1, 3).mean(0) - (10, 200, 30)).max() < 2


def test_a_sheet_shows_the_clip(tmp_path: Path) -> None:
    made = clip("zoom")
    shown = read_still(str(write_sheet(made, made.frames, tmp_path / "sheets"))).to_ndarray(format="bgr24")
    assert shown.shape[1] == 6 * 304
    assert (shown == (255, 0, 255)).all(2).any(), "the mask's outline"


def test_the_command_prints_a_row_for_each(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["shake", "--size", "160", "90", "--frames", "12", "--sheet", str(tmp_path)]
    scenarios.main(arguments)
    said = capsys.readouterr().out
    assert "| shake |" in said
    assert (tmp_path / "shake.png").exists()
