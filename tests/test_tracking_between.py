"""The stage Tracking between two who lie over each other, and where somebody ends: nobody is shown as somebody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.frame import LOW, Frame, Image
from stages.tracking import Tracking
from stages.tracking.ahead import may_be
from tests.frames import Bench, blank_frame
from tests.test_tracking import SPEC, TOP, picture, recall, sights, walked
from tests.test_tracking_rules import FACE, KEEP_FIRST, PLATE, bench

KEEP_PEOPLE = {"when": {"class": ["person"]}, "do": "keep"}
PERSON, CAR, TRUCK = 0, 2, 7

Planes = dict[str, np.ndarray]


def looked_ahead(run: Bench, image: Image, now: Planes, later: Planes) -> Frame:
    """A frame in which `now` is found, followed by one of the same picture in which `later` is."""
    frame = blank_frame(SPEC, run.count)
    for name, pixels in {"image": image, **now}.items():
        frame.planes[name][:] = pixels
    frame.before, frame.after = run.buffers
    frame.later = (Frame({"image": image, **later}, index=run.count + 1),)
    run.stage.process(frame)
    return frame


def faces(planes: Planes) -> Planes:
    planes["found"]["rows"]["cls"] = FACE
    return planes


def piece(left: int) -> Planes:
    """A fifth of somebody, hardly seen."""
    planes = sights((left, 0.1))
    planes["found"]["rows"][0, 0]["box"] = left, TOP, left + 30, TOP + 12
    planes["labels"][TOP + 12 :] = 0
    assert planes["found"]["rows"][0, 0]["flags"] == LOW
    return planes


@pytest.mark.parametrize("options", [{}, {"kept": [7]}, {"rules": [KEEP_FIRST]}])
def test_a_part_of_who_is_followed_no_longer_from_this_frame_on_is_masked(options: dict[str, Any]) -> None:
    run = Bench(Tracking(hold=0, **options), SPEC)
    walked(run, [20, 20])
    frame = run.frame(image=picture(20), **piece(20))
    assert len(frame.objects) == 0
    assert (frame.mask[TOP : TOP + 12, 20:50] > 0).all()


def test_it_stays_where_only_others_were_chosen() -> None:
    run = Bench(Tracking(hold=0, remove="chosen", chosen=[1]), SPEC)
    walked(run, [20, 20])
    assert not run.frame(image=picture(20), **piece(20)).mask.any()


def test_who_comes_back_from_a_later_frame_to_one_who_is_kept_and_found_is_somebody_else() -> None:
    run, there = bench(KEEP_FIRST), picture(20, 36)
    run.frame(image=there, **sights((20, 0.9)))
    alone = looked_ahead(run, there, sights((20, 0.9)), sights((20, 0.9)))
    assert not alone.mask.any()
    both = sights((20, 0.9), (36, 0.8))
    both["labels"][TOP : TOP + 60, 30:36] = 2  # what is found is grown: so it lies over who is kept
    beside = looked_ahead(run, there, sights((20, 0.9)), both)
    assert beside.objects["track"].tolist() == [1]
    assert recall(beside, 36) > 0.9


@pytest.mark.parametrize("now", [(), ((20, 0.9),)])
def test_a_face_in_a_later_frame_is_not_the_person_s_who_is_kept(now: tuple[tuple[int, float], ...]) -> None:
    run = bench(KEEP_PEOPLE)
    walked(run, [20, 20])
    frame = looked_ahead(run, picture(20), sights(*now), faces(sights((20, 0.9))))
    assert recall(frame, 20) > 0.9


def test_who_is_seen_in_a_later_frame_is_masked_though_no_more_can_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Bench(Tracking(), SPEC)
    run.frame(image=picture(120), **sights())
    monkeypatch.setattr("stages.tracking.crowd.Crowd.begin", lambda *_: None)
    assert recall(looked_ahead(run, picture(120), sights(), sights((120, 0.9))), 120) > 0.9


def test_a_detector_may_change_its_mind_but_about_who_somebody_is() -> None:
    same = may_be(np.array([PERSON, FACE, CAR]), np.array([TRUCK, FACE, PLATE]))
    assert same.tolist() == [[True, False, False], [False, True, False], [True, False, False]]
