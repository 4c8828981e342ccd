"""The stages Segmentation and InstanceSegmentation: what is found in each frame by itself."""

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
from pipeline.frame import LOW, MAX_OBJECTS, Frame, FrameSpec
from pipeline.tuning import tune
from stages.looks import Looks
from stages.segmentation import InstanceSegmentation, Segmentation
from stages.segmentation.growth import grow_mask
from stages.segmentation.labels import Labeller
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
    monkeypatch.setattr("stages.segmentation.stage.load_segmenter", lambda name, **options: slower)
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


def square(x: int, y: int, side: int) -> Patch:
    return Patch(x, y, np.full((side, side), 255, np.uint8))


def labelled(patches: tuple[Patch, ...], scores: list[float], **options: int) -> Frame:
    """What InstanceSegmentation writes for these patches on 48 x 32 pixels."""
    boxes = np.array([(p.x, p.y, p.x + p.mask.shape[1], p.y + p.mask.shape[0]) for p in patches], np.float32)
    found = Instances(boxes, np.array(scores, np.float32), np.zeros(len(patches), np.int64), patches)
    frame = blank_frame(FrameSpec(width=48, height=32), options.pop("index", 0))
    stage = InstanceSegmentation(**options)
    stage._segmenter, stage._labeller = Fixed(found), Labeller(32, 48)
    frame.labels[:] = 99
    stage.process(frame)
    return frame


def test_overlapping_pixels_belong_to_the_better_scored_instance() -> None:
    frame = labelled((square(4, 4, 8), square(8, 4, 8)), [0.9, 0.8], grow=0)
    assert (frame.labels[4:12, 4:12] == 1).all()
    assert (frame.labels[4:12, 12:16] == 2).all()
    assert np.count_nonzero(frame.labels) == 8 * 12
    assert frame.found["score"].tolist() == pytest.approx([0.9, 0.8])
    assert frame.looked


def test_an_instance_grows_but_never_into_the_pixels_of_another() -> None:
    frame = labelled((square(4, 4, 8), square(14, 4, 8)), [0.9, 0.8], grow=4)
    alone = labelled((square(4, 4, 8),), [0.9], grow=4)
    assert (frame.labels[4:12, 14:22] == 2).all()
    assert (frame.labels[4:12, 12:14] == 1).all()  # nobody's until the better one took them
    assert (frame.labels[:, :14] == alone.labels[:, :14]).all()


def test_what_hardly_scores_is_marked_and_takes_no_pixel_from_what_does() -> None:
    frame = labelled((square(4, 4, 8), square(13, 4, 8)), [0.9, 0.15], grow=4)
    alone = labelled((square(4, 4, 8),), [0.9], grow=4)
    assert frame.found["flags"].tolist() == [0, LOW]
    assert (frame.labels == 1).sum() == (alone.labels == 1).sum()
    assert (frame.labels[4:12, 17:21] == 2).all()


def test_who_has_no_label_has_no_row() -> None:
    frame = labelled((square(4, 4, 2),) * 300, np.linspace(0.9, 0.3, 300).tolist(), grow=0)
    assert len(frame.found) == 255
    assert (frame.labels[4:6, 4:6] == 1).all()


def test_in_between_nobody_looks_and_nothing_of_the_slot_is_left() -> None:
    frame = labelled((square(4, 4, 8),), [0.9], every=3, index=1)
    assert not frame.looked
    assert len(frame.found) == 0
    assert not frame.labels.any()


def looked(indices: list[int], every: int, live: bool) -> list[int]:
    """Which of these frames a worker looks at."""
    stage = InstanceSegmentation(every=every)
    stage._segmenter, stage._labeller, stage._looks = Fixed(instances(1)), Labeller(24, 32), Looks(live)
    frames = [blank_frame(FrameSpec(width=32, height=24), index) for index in indices]
    for frame in frames:
        stage.process(frame)
    return [frame.index for frame in frames if frame.looked]


def test_of_a_file_the_same_frames_are_looked_at_whoever_gets_them() -> None:
    assert looked(list(range(8)), every=3, live=False) == [0, 3, 6]
    assert looked([1, 2, 4, 6, 7], every=3, live=False) == [6]


def test_a_live_stream_that_drops_every_other_frame_is_still_looked_at() -> None:
    assert looked(list(range(1, 14, 2)), every=4, live=True) == [1, 5, 9, 13]


def test_another_search_is_told_from_the_frame_on_for_which_it_counts() -> None:
    """What came into view by it was not behind anything: the plate must not take it for the room."""
    stage = InstanceSegmentation(every=2)
    stage._segmenter, stage._labeller = Fixed(instances(1)), Labeller(24, 32)
    stage._segmenter.names = ("person", "dog")
    told = []
    for index, change in enumerate(({}, {}, {"grow": 3}, {"classes": ["person", "dog"]}, {"confidence": 0.1}, {}, {})):
        tune(stage, {"every": 2}, change)
        frame = blank_frame(FrameSpec(width=32, height=24), index)
        stage.process(frame)
        told.append(int(frame.planes["found"]["choice"][0]))
    first, *others = told
    assert others[:2] == [first, first], "that nobody looked, and growth, are no other search"
    assert others[2] != first
    assert others[3] not in (first, others[2])
    assert others[4:] == [others[3]] * 2


class Counting(Fixed):
    """Remembers the sizes of the pictures that it was shown; finds somebody in whole ones."""

    def __init__(self, tall: int, whole: tuple[int, int]) -> None:
        self.whole = whole
        boxes = np.array([[10, 10, 14, 10 + tall]], np.float32)
        patch = Patch(10, 10, np.full((tall, 4), 255, np.uint8))
        super().__init__(Instances(boxes, np.array([0.9], np.float32), np.zeros(1, np.int64), (patch,)))
        self.shown: list[tuple[int, ...]] = []

    def segment(self, image: np.ndarray) -> Instances:
        self.shown.append(image.shape[:2])
        return super().segment(image) if image.shape[:2] == self.whole else instances(0)


def looks(monkeypatch: pytest.MonkeyPatch, tall: int, spec: FrameSpec, frames: int = 2, **options: object) -> list[int]:
    """How many pictures the network was shown for each frame; the largest object has that height."""
    counting = Counting(tall, (spec.height, spec.width))
    monkeypatch.setattr("stages.segmentation.stage.load_segmenter", lambda name, **options: counting)
    stage, shown = InstanceSegmentation(**{"size": 64, **options}), []
    stage.setup(spec)
    for index in range(frames):
        counting.shown.clear()
        stage.process(blank_frame(spec, index))
        shown.append(len(counting.shown))
    return shown


def test_large_frames_are_looked_at_in_tiles_where_somebody_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    large, usual = FrameSpec(width=256, height=144), FrameSpec(width=192, height=108)
    assert looks(monkeypatch, 20, large) == [5, 5]
    assert looks(monkeypatch, 20, usual) == [1, 1]
    assert looks(monkeypatch, 20, usual, tiles=3) == [10, 10]
    assert looks(monkeypatch, 20, large, tiles=0) == [1, 1]


def test_now_and_then_small_people_are_looked_for_who_are_not_seen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = FrameSpec(width=200, height=400)
    assert looks(monkeypatch, 390, tall, frames=10, size=96) == [5, 1, 1, 1, 1, 1, 1, 1, 5, 1]
    assert looks(monkeypatch, 100, tall, frames=3, size=96) == [5, 5, 5]
