"""Zones: what is masked always or never, by every stage that writes a mask, and which zones are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.base import Instances, Patch
from pipeline.frame import OBJECT, Frame, FrameSpec
from pipeline.reading import explain
from pipeline.tuning import tune
from stages.segmentation import InstanceSegmentation, Segmentation
from stages.target import Target
from stages.tracking import Tracking
from stages.zones import MOST_IN_ALL, Zoned
from tests.frames import Bench, blank_frame
from tests.test_segmentation_stage import Fixed

HEIGHT, WIDTH = 60, 100
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
TOP = [[0, 0], [1, 0], [1, 0.5], [0, 0.5]]


class Bare(Zoned):
    """Masks nothing, or everything, by itself."""

    writes = ("objects", "mask")
    everything: bool = False

    def process(self, frame: Frame) -> None:
        frame.mask[:] = 255 if self.everything else 0
        self.conclude(frame, np.zeros(0, OBJECT))


def done(stage: Zoned, spec: FrameSpec = SPEC) -> Frame:
    frame = blank_frame(spec)
    frame.mask[:] = 77
    stage.process(frame)
    assert set(np.unique(frame.mask)) <= {0, 255}
    return frame


def test_a_hidden_zone_is_masked_though_nothing_is_found() -> None:
    mask = done(Bare(hide=[LEFT])).mask
    assert (mask[:, :49] == 255).all()
    assert not mask[:, 51:].any()


def test_a_spared_zone_is_never_masked() -> None:
    mask = done(Bare(everything=True, spare=[LEFT])).mask
    assert not mask[:, :49].any()
    assert (mask[:, 51:] == 255).all()


def test_where_they_meet_what_is_hidden_wins() -> None:
    mask = done(Bare(hide=[TOP], spare=[LEFT], everything=True)).mask
    assert (mask[:29] == 255).all()
    assert not mask[31:, :49].any()
    assert (mask[31:, 51:] == 255).all()


def test_a_zone_of_the_whole_picture_leaves_no_pixel_out() -> None:
    assert (done(Bare(hide=[WHOLE])).mask == 255).all()
    assert not done(Bare(everything=True, spare=[WHOLE])).mask.any()


def test_zones_fit_a_picture_of_any_size() -> None:
    stage = Bare(hide=[LEFT])
    for width, height in ((100, 60), (16, 16), (641, 361), (100, 60)):
        mask = done(stage, FrameSpec(width=width, height=height)).mask
        assert abs(np.count_nonzero(mask) / mask.size - 0.5) < 1.5 / width


def test_a_zone_without_an_area_hides_at_least_what_it_touches() -> None:
    assert done(Bare(hide=[[[0.5, 0.5]] * 3])).mask[29:31, 49:51].any()
    assert np.count_nonzero(done(Bare(hide=[[[0, 0.5], [1, 0.5], [0, 0.5]]])).mask.any(0)) == WIDTH


def test_what_a_crossing_line_encloses_twice_is_hidden_and_not_spared() -> None:
    """A star in one line: its middle lies within it twice."""
    star = [[0.5 + 0.48 * np.sin(turn), 0.5 - 0.48 * np.cos(turn)] for turn in 0.8 * np.pi * np.arange(5)]
    assert done(Bare(hide=[star])).mask[30, 50] == 255
    assert done(Bare(everything=True, spare=[star])).mask[30, 50] == 255
    assert not done(Bare(everything=True, spare=[star])).mask[8, 50]


def test_two_zones_that_overlap_hide_both_of_them() -> None:
    mask = done(Bare(hide=[LEFT, TOP])).mask
    assert (mask[:29] == 255).all()
    assert (mask[:, :49] == 255).all()


def test_zones_are_drawn_once_and_anew_when_they_change() -> None:
    stage = Bare(hide=[LEFT])
    done(stage)
    drawn = stage._drawn
    done(stage)
    assert stage._drawn is drawn
    tune(stage, {"hide": [LEFT]}, {"hide": [TOP]})
    assert (done(stage).mask[:29] == 255).all()
    assert stage._drawn is not drawn
    tune(stage, {"hide": [TOP]}, {"hide": []})
    assert not done(stage).mask.any()
    assert stage._drawn is None


def test_who_looks_at_the_frame_can_tell_that_the_zones_are_others() -> None:
    none, left, top, spared = (
        done(stage).choice for stage in (Bare(), Bare(hide=[LEFT]), Bare(hide=[TOP]), Bare(spare=[LEFT]))
    )
    assert none == 0
    assert len({none, left, top, spared}) == 4
    assert done(Bare(hide=[LEFT])).choice == left
    assert done(Bare(spare=[LEFT, TOP])).spared == [(0, 0, 51, 60), (0, 0, 100, 31)]
    assert done(Bare(hide=[LEFT])).spared == []


TRIANGLE = [[0, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ([[[0, 0], [1, 1]]], "hide.0: list should have at least 3 items after validation, not 2"),
        ([[[0, 0]] * 65], "hide.0: list should have at most 64 items after validation, not 65"),
        ([TRIANGLE] * 33, "hide: list should have at most 32 items after validation, not 33"),
        ([[[0, 0]] * 64] * 8, f"hide: value error, 512 points are too many: {MOST_IN_ALL} in all zones together"),
        ([[[0, 0], [1.2, 0], [0, 1]]], "hide.0.1.0: input should be less than or equal to 1, not 1.2"),
        ([[[0, 0], [1, -0.1], [0, 1]]], "hide.0.1.1: input should be greater than or equal to 0, not -0.1"),
        ([[[0, 0], [1, float("nan")], [0, 1]]], "hide.0.1.1: input should be"),
        ([[[0, 0], [1, float("inf")], [0, 1]]], "hide.0.1.1: input should be"),
        ([[[0, 0, 0], [1, 0], [0, 1]]], "hide.0.0: list should have at most 2 items after validation, not 3"),
        ([[["0", 0], [1, 0], [0, 1]]], "hide.0.0.0: input should be a valid number"),
        ([[[True, 0], [1, 0], [0, 1]]], "hide.0.0.0: input should be a valid number"),
        ("everything", "hide: input should be a valid list"),
        (TRIANGLE, "hide.0.0: input should be a valid list, not 0"),
    ],
)
def test_what_is_no_zone_is_refused_with_its_place(zones: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Tracking(hide=zones)
    said = explain(refusal.value, Tracking, {"hide": zones})
    assert said.startswith(words)
    assert "\n" not in said


def test_the_most_zones_that_are_allowed_fit_into_a_message() -> None:
    from pipeline.config import MAX_OPTIONS
    from pipeline.requests import MAX_REQUEST

    zones = [[[0.1234, 0.5678]] * 15] * 32
    zones.append(zones.pop() + [[0.1234, 0.5678]] * 20)
    assert sum(map(len, zones)) == MOST_IN_ALL
    stage = Tracking(hide=zones, spare=zones, kept=list(range(10_000, 10_256)), chosen=list(range(10_000, 10_256)))
    assert len(json.dumps(stage.model_dump())) < MAX_OPTIONS < MAX_REQUEST


def someone() -> Instances:
    box = np.array([[40, 10, 60, 50]], np.float32)
    patch = Patch(40, 10, np.full((40, 20), 255, np.uint8))
    return Instances(box, np.array([0.9], np.float32), np.zeros(1, np.int64), (patch,))


def test_segmentation_masks_its_zones_after_it_has_grown_what_it_found() -> None:
    stage = Segmentation(
        grow=8, hide=[[[0, 0], [0.1, 0], [0.1, 1], [0, 1]]], spare=[[[0.6, 0], [1, 0], [1, 1], [0.6, 1]]]
    )
    stage._segmenter = Fixed(someone())
    mask = done(stage).mask
    assert (mask[:, :9] == 255).all()
    assert (mask[10:50, 32:59] == 255).all()
    assert not mask[:, 60:].any()


def test_tracking_masks_its_zones() -> None:
    bench = Bench(Tracking(hide=[TOP], spare=[LEFT]), SPEC)
    labels, found = np.zeros((HEIGHT, WIDTH), np.uint8), blank_frame(SPEC).planes["found"]
    labels[35:55, 40:60] = 1
    found["rows"][0, 0]["box"], found["rows"][0, 0]["score"], found["count"] = (40, 35, 60, 55), 0.9, 1
    mask = bench.frame(found=found, labels=labels).mask
    assert (mask[:29] == 255).all()
    assert (mask[35:55, 51:60] == 255).all()
    assert not mask[31:, :49].any()


def test_every_stage_that_writes_the_mask_has_zones_and_no_other() -> None:
    assert all(issubclass(stage, Zoned) for stage in (Segmentation, Tracking, Target))
    assert not {"hide", "spare"} & set(InstanceSegmentation.model_fields)
    assert {"hide", "spare"} <= set(Target.live_fields())
