"""Targets followed by the stage itself, with a real segmenter, on real and made-up clips; and what it promises."""

from __future__ import annotations

import json
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from benchmarks.target import FOUND, SEEN, Step, box_of, follow, reappearances
from benchmarks.target_clip import shots
from pipeline.config import load_config
from pipeline.errors import RunError
from pipeline.frame import FrameSpec, Image
from pipeline.inline import Inline
from tests.clips import DATA, needs
from tests.scenes import asset, cutout, room

QUICK = [
    "target.model=yolov5s-seg",
    "target.size=320",
    "segmentation.size=480",
]  # the shipped one is better, and slower


def steps_for(targets: Sequence[str], *sets: str, height: int = 360, width: int = 640) -> Inline:
    given = [f"target.targets={json.dumps(list(targets))}", "target.grow=0", *QUICK, *sets]
    plan = load_config("remove-target", sets=given, given="pictures", wanted="null:")
    kept = [built for built in plan.stages if built.name in ("ingest", "segmentation", "target")]
    return Inline(kept, FrameSpec(width=width, height=height))


def with_person(picture: Image, x: int, y: int = 110) -> tuple[Image, Image]:
    """The picture with a person standing at x, and where that is."""
    person, shape = cutout()
    height, width = shape.shape
    image, mask = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    left, right = max(0, x), min(picture.shape[1], x + width)
    if left < right:
        part = slice(left - x, right - x)
        mask[y : y + height, left:right] = shape[:, part]
        image[y : y + height, left:right][shape[:, part] > 0] = person[:, part][shape[:, part] > 0]
    return image, mask


def iou(one: Image, other: Image) -> float:
    either = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other)) / either if either else 1.0


def test_the_rider_and_his_bicycle_are_followed_behind_a_tree_by_a_moving_camera() -> None:
    from benchmarks.target import _picture

    folder = needs(DATA / "real" / "bmx-trees")
    images = [_picture(path, "bgr24") for path in sorted(folder.glob("*.jpg"))[8:30]]
    truths = [_picture(path, "gray") for path in sorted((DATA / "real" / "bmx-trees_mask").glob("*.png"))[8:30]]
    masks = list(follow(images, [box_of(truths[0])], QUICK))
    scores = [iou(mask, truth) for mask, truth in zip(masks, truths, strict=True)]
    assert np.mean(scores) > 0.5, scores
    assert np.mean(scores[-5:]) > 0.55, scores


def test_a_dancer_is_found_again_behind_a_pillar_and_her_double_is_not_taken_for_her() -> None:
    clip = list(shots(needs(DATA / "composites"), range(17, 70)))
    masks = follow((shot.image for shot in clip), [box_of(clip[0].target)], QUICK)
    steps = [Step(one.image, one.target, mask, one.others, one.visible) for one, mask in zip(clip, masks, strict=True)]
    again = reappearances(steps)
    assert len(again) == 1
    assert all(frames is not None and frames <= 5 for frames in again.values()), again
    assert sum(step.strayed for step in steps) == 0
    assert np.mean([step.iou for step in steps if step.visible >= SEEN]) > FOUND
    assert all(not step.mask.any() for step in steps if step.visible == 0 and step.iou == 1)


def test_the_second_of_a_class_is_meant_from_its_frame_on_and_the_first_stays() -> None:
    left, right = with_person(room(), 80), None
    both, right = with_person(left[0], 420, 100)
    with steps_for(["person:1@2", "person:2@3"]) as steps:
        masks, tables = [], []
        for _ in range(5):
            frame = steps.process(both)
            masks.append(frame.mask.copy())
            tables.append(frame.objects.copy())
    assert [len(table) for table in tables] == [0, 0, 1, 2, 2]
    assert not masks[1].any()
    first = left[1] if iou(masks[2], left[1]) > iou(masks[2], right) else right
    assert iou(masks[2], first) > 0.75
    assert iou(masks[4], cv2.max(left[1], right)) > 0.75
    assert sorted(tables[4]["track"]) == [0, 1]


def test_what_is_not_there_is_said_with_what_is() -> None:
    both, _ = with_person(with_person(room(), 80)[0], 420)
    with steps_for(["car:2@1"]) as steps:
        steps.process(both)
        with pytest.raises(RunError, match=r"no car in frame 1 \(found: .*2 person"):
            steps.process(both)


def test_a_class_is_counted_in_the_next_frame_that_is_looked_at() -> None:
    person, _ = with_person(room(), 100)
    with steps_for(["person@1"], "segmentation.every=2") as steps:
        masks = [steps.process(person).mask.any() for _ in range(3)]
    assert masks == [False, False, True]


def test_a_target_whose_frame_never_came_is_told_at_the_end() -> None:
    with steps_for(["person@0", "person@3"]) as steps:
        steps.process(with_person(room(), 100)[0])
        context = steps._steps[-1].stage.context
    assert ["person@3" in note for note in context.notes] == [True]
    assert context.errors == {"targets never there": 1}


@pytest.mark.long
def test_a_thing_that_no_detector_knows_is_followed_by_flow_and_found_again_behind_a_pole() -> None:
    sticker = cv2.resize(asset("bus.jpg")[200:500, 60:360], (70, 70), interpolation=cv2.INTER_AREA)
    shape = np.zeros((70, 70), np.uint8)
    cv2.circle(shape, (35, 35), 33, 255, -1)
    pole = (np.random.default_rng(2).normal(90, 25, (360, 110, 1)).clip(0, 255) * np.ones(3)).astype(np.uint8)
    clip, truths = [], []
    for index in range(34):
        image, truth, x = room(), np.zeros((360, 640), np.uint8), 120 + 9 * index
        image[170:240, x : x + 70][shape > 0] = sticker[shape > 0]
        truth[170:240, x : x + 70] = shape
        image[:, 270:380], truth[:, 270:380] = pole, 0
        clip.append(image)
        truths.append(truth)
    with steps_for(["120,170,70,70@0"], "segmentation.classes=[dog]") as steps:
        found = [steps.process(image).mask.copy() for image in clip]
    scores = [iou(mask, truth) for mask, truth in zip(found, truths, strict=True)]
    assert np.mean(scores[:9]) > 0.7, scores
    assert np.mean(scores[-4:]) > 0.5, scores


def test_a_frame_done_again_gives_the_same_and_leaves_the_same() -> None:
    person, _ = with_person(room(), 100)
    with steps_for(["person"]) as steps:
        steps.process(person)
        step = steps._steps[-1]
        results = []
        for _ in range(2):
            turn = step._turn
            frame = steps.process(person)
            step._turn = turn  # as after a crash: `before` again
            results.append((frame.mask.copy(), {name: array.copy() for name, array in step.frame.after.items()}))
    (one, kept), (other, again) = results
    assert one.any()
    assert np.array_equal(one, other)
    assert all(np.array_equal(kept[name], again[name]) for name in kept)


def test_the_mask_is_grown_by_as_much_as_is_asked_for() -> None:
    person, truth = with_person(room(), 100)
    areas = []
    for grow in (0, 9):
        with steps_for(["person"], f"target.grow={grow}") as steps:
            areas.append(steps.process(person).mask.copy())
    tight, grown = areas
    assert iou(tight, truth) > 0.75
    assert not (tight & ~grown).any()
    assert np.count_nonzero(grown) > 1.3 * np.count_nonzero(tight)
