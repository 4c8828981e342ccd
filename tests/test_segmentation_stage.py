"""The stage Segmentation: objects and mask of each frame by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.base import Instances, ModelInfo, Patch
from models.yolo import class_index
from pipeline.errors import SetupError
from pipeline.frame import MAX_OBJECTS, FrameSpec
from stages.segmentation import Segmentation
from stages.segmentation.growth import grow_mask
from tests.frames import blank_frame
from tests.scenes import asset


@cache
def ready() -> tuple[Segmentation, FrameSpec]:
    stage, spec = Segmentation(), FrameSpec(width=810, height=1080)
    stage.setup(spec)
    return stage, spec


class Fixed:
    """A segmenter that always finds the same."""

    info = ModelInfo("fixed")
    names = ("person",)

    def __init__(self, found: Instances | Exception) -> None:
        self.found = found

    def segment(self, image: np.ndarray) -> Instances:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def tune(self, *, classes: Sequence[str], confidence: float, iou: float) -> None:
        self.wanted = [class_index(self.names, name) for name in classes]

    def warm_up(self, height: int, width: int) -> float:
        return 0.0


def staged(found: Instances | Exception, grow: int = 0) -> Segmentation:
    stage = Segmentation(grow=grow)
    stage._segmenter = Fixed(found)
    return stage


def instances(count: int) -> Instances:
    boxes = np.tile(np.array([[4, 6, 9, 12]], np.float32), (count, 1))
    scores = np.linspace(0.9, 0.3, count, dtype=np.float32)
    patch = Patch(4, 6, np.full((6, 5), 255, np.uint8))
    return Instances(boxes, scores, np.zeros(count, np.int64), (patch,) * count)


def test_an_engine_that_was_passed_over_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    slower = Fixed(instances(0))
    slower.info = ModelInfo("fixed", engine="torch", note="openvino: cannot convert it")
    monkeypatch.setattr("stages.segmentation.load_segmenter", lambda name, **options: slower)
    stage = Segmentation()
    stage.setup(FrameSpec(width=64, height=64))
    assert stage.context.notes == ["yolov5s-seg runs on torch: openvino: cannot convert it"]


def test_people_are_written_as_objects_and_mask() -> None:
    stage, spec = ready()
    frame = blank_frame(spec)
    frame.image[:] = asset("bus.jpg")
    frame.mask[:] = 77
    stage.process(frame)
    assert len(frame.objects) == 4
    assert (frame.objects["track"] == -1).all()
    assert (frame.objects["cls"] == 0).all()
    assert np.isnan(frame.objects["landmarks"]).all()
    assert (frame.objects["box"] >= 0).all()
    assert (frame.objects["box"] <= [810, 1080, 810, 1080]).all()
    assert set(np.unique(frame.mask)) == {0, 255}
    assert frame.mask[600, 130] == frame.mask[600, 290] == 255
    assert frame.mask[300, 400] == 0


def test_the_model_is_reported_with_its_checksum_and_its_warm_up() -> None:
    stage, _ = ready()
    facts = stage.context.models[0]
    assert facts["name"] == "yolov5s-seg"
    assert len(facts["checksum"]) == 64
    assert stage.context.slowest_step > 0


def test_an_empty_picture_clears_what_the_slot_held_before() -> None:
    nothing = Instances(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), ())
    frame = blank_frame(FrameSpec(width=32, height=24))
    frame.mask[:] = 255
    frame.planes["objects"]["count"] = 9
    staged(nothing, grow=8).process(frame)
    assert not frame.mask.any()
    assert len(frame.objects) == 0


def test_more_objects_than_there_is_room_for_keep_the_best_and_the_whole_mask() -> None:
    frame = blank_frame(FrameSpec(width=32, height=24))
    staged(instances(MAX_OBJECTS + 40)).process(frame)
    assert len(frame.objects) == MAX_OBJECTS
    assert frame.objects["score"][0] == pytest.approx(0.9)
    assert frame.mask[6:12, 4:9].all()


def test_an_answer_that_is_not_finite_is_not_passed_on() -> None:
    with pytest.raises(FloatingPointError):
        staged(FloatingPointError("not finite")).process(blank_frame(FrameSpec(width=32, height=24)))


def test_what_cannot_be_set_up_is_said_in_one_line() -> None:
    spec = FrameSpec(width=64, height=64)
    with pytest.raises(SetupError, match=r"did you mean 'person'"):
        Segmentation(classes=["persson"]).setup(spec)
    with pytest.raises(SetupError, match=r"did you mean 'yolov5s-seg'"):
        Segmentation(model="yolov5").setup(spec)
    with pytest.raises(SetupError, match=r"/no/such\.pt is not a file"):
        Segmentation(weights="/no/such.pt").setup(spec)


@pytest.mark.parametrize("wrong", [{"grow": -1}, {"size": 100}, {"classes": []}, {"confidence": 0}, {"colour": 1}])
def test_wrong_fields_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Segmentation(**wrong)


SHAPES = st.tuples(st.integers(1, 60), st.integers(1, 60))


@given(
    shape=SHAPES,
    points=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=4),
    grow=st.integers(0, 20),
)
def test_a_grown_mask_covers_the_disc_around_each_pixel_and_nothing_farther_off(
    shape: tuple[int, int], points: list[tuple[int, int]], grow: int
) -> None:
    mask = np.zeros(shape, np.uint8)
    for y, x in points:
        mask[y % shape[0], x % shape[1]] = 255
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    nearest, chess = np.full(shape, np.inf), np.full(shape, np.inf)
    for y, x in np.argwhere(mask):
        nearest = np.minimum(nearest, np.hypot(rows - y, columns - x))
        chess = np.minimum(chess, np.maximum(abs(rows - y), abs(columns - x)))
    grow_mask(mask, grow)
    assert (mask[nearest <= grow] == 255).all()
    assert not mask[chess > grow].any()
    assert not mask[nearest > grow * 1.09 + 0.5].any()
    assert set(np.unique(mask)) <= {0, 255}
