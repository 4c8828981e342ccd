"""The stage Detection and its findings: what detectors see is covered, whole, and nonsense is no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.base import Detections, ModelInfo, Patch
from pipeline.errors import SetupError
from pipeline.frame import LOW, Frame, FrameSpec
from stages.privacy import Detection
from stages.privacy.finders import ByDetector
from stages.privacy.findings import Finding, joined, outline, united
from stages.segmentation.labels import Labeller
from tests.frames import blank_frame
from tests.scenes import asset

SPEC = FrameSpec(width=320, height=200)
UNKNOWN = np.full((5, 2), np.nan, np.float32)


class Fixed:
    """A detector that always finds the same."""

    info = ModelInfo("fixed")

    def __init__(self, *found: tuple[float, tuple[float, ...]], name: str = "face") -> None:
        self.names = (name,)
        self.scores = np.array([score for score, _ in found], np.float32)
        self.boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
        self.asked: list[tuple[tuple[int, ...], float]] = []

    def detect(self, image: np.ndarray, confidence: float) -> Detections:
        self.asked.append((image.shape, confidence))
        count = len(self.scores)
        return Detections(self.boxes.copy(), self.scores, np.zeros(count, np.int64), np.tile(UNKNOWN, (count, 1, 1)))

    def warm_up(self, height: int, width: int) -> float:
        return 0.01


def staged(*detectors: Fixed, spec: FrameSpec = SPEC, **options: object) -> Detection:
    stage = Detection.model_validate({"padding": 0, "grow": 0.0, **options})
    stage._finders = [ByDetector(detector) for detector in detectors]
    stage._labeller = Labeller(spec.height, spec.width)
    return stage


def done(stage: Detection, spec: FrameSpec = SPEC, index: int = 0) -> Frame:
    frame = blank_frame(spec, index)
    frame.labels[:] = 9
    stage.process(frame)
    return frame


def one(box: tuple[float, ...], score: float = 0.9, cls: int = 80, patch: Patch | None = None) -> Finding:
    return Finding(cls, score, np.array(box, np.float32), UNKNOWN, patch)


def test_a_face_is_labelled_as_an_ellipse_larger_than_its_box() -> None:
    frame = done(staged(Fixed((0.9, (100, 50, 140, 110))), grow=0.25))
    assert frame.found["cls"].tolist() == [80]
    assert (frame.labels[60:100, 105:135] == 1).all()
    assert frame.labels[80, 91] == frame.labels[36, 120] == 1
    assert frame.labels[36, 92] == 0  # the corner of what is an ellipse
    rows, columns = np.nonzero(frame.labels)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (90, 149, 35, 124)


def test_a_plate_is_labelled_as_a_box() -> None:
    frame = done(staged(Fixed((0.9, (100, 50, 140, 60)), name="plate")))
    assert frame.found["cls"].tolist() == [81]
    assert (frame.labels[50:60, 100:140] == 1).all()
    assert np.count_nonzero(frame.labels) == 400


def test_padding_is_added_in_pixels_after_growth() -> None:
    frame = done(staged(Fixed((0.9, (100, 50, 140, 60)), name="plate"), padding=3))
    rows, columns = np.nonzero(frame.labels)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (97, 142, 47, 62)


def test_what_is_hardly_seen_is_low_and_what_is_less_is_nothing() -> None:
    detector = Fixed((0.9, (10, 10, 30, 30)), (0.2, (100, 100, 130, 130)), (0.05, (200, 100, 230, 130)))
    frame = done(staged(detector, confidence=0.5, low=0.1))
    assert frame.found["flags"].tolist() == [0, LOW]
    assert set(np.unique(frame.labels)) == {0, 1, 2}
    assert detector.asked[0][1] == pytest.approx(0.1)


def test_a_class_with_a_score_of_its_own_is_held_to_that() -> None:
    faces, plates = Fixed((0.3, (10, 10, 30, 30))), Fixed((0.4, (100, 100, 130, 110)), name="plate")
    assert done(staged(faces, plates, scores={"plate": 0.45})).found["cls"].tolist() == [80]
    assert done(staged(faces, plates, scores={"plate": 0.35})).found["cls"].tolist() == [81, 80]
    detector = Fixed((0.2, (10, 10, 30, 30)))
    assert done(staged(detector, scores={"face": 0.15})).found["flags"].tolist() == [0]


def test_all_sure_findings_come_before_all_others() -> None:
    """Labels of those who are not sure never take a pixel from those who are."""
    faces, plates = Fixed((0.3, (10, 10, 60, 60))), Fixed((0.4, (30, 30, 90, 90)), name="plate")
    frame = done(staged(faces, plates, scores={"face": 0.2}, confidence=0.6, shape="box"))
    assert frame.found["flags"].tolist() == [0, LOW]
    assert frame.found["cls"].tolist() == [80, 81]
    assert (frame.labels[10:60, 10:60] == 1).all()


def test_only_what_is_asked_for_is_found() -> None:
    faces, plates = Fixed((0.9, (10, 10, 30, 30))), Fixed((0.9, (100, 100, 130, 110)), name="plate")
    assert done(staged(faces, plates, classes=["plate"])).found["cls"].tolist() == [81]
    assert faces.asked == []


def test_two_detectors_that_see_one_face_make_one_as_large_as_both() -> None:
    one_, other = Fixed((0.9, (100, 50, 140, 100))), Fixed((0.6, (104, 54, 146, 104)))
    frame = done(staged(one_, other, shape="box"))
    assert frame.found["box"].tolist() == [[100, 50, 146, 104]]
    assert (frame.labels[50:104, 100:146] == 1).all()


def test_a_box_that_leaves_the_picture_is_cut_off() -> None:
    frame = done(staged(Fixed((0.9, (-40, -30, 30, 40)), (0.8, (320, 10, 320, 30)), (0.7, (300, 190, 999, 999)))))
    assert frame.found["box"].tolist() == [[0, 0, 30, 40], [300, 190, 320, 200]]
    assert frame.labels[0, 0] == 1 or frame.labels[5, 5] == 1
    assert frame.labels[195, 310] == 2


@pytest.mark.parametrize("box", [(400, 10, 420, 30), (-30, 10, -9, 30), (10, 210, 30, 230), (30, 10, 10, 30)])
def test_who_sees_something_where_there_is_no_picture_has_not_seen_it(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"answers with a box .*(beside|before it begins)"):
        done(staged(Fixed((0.9, (-40, -30, 30, 40)), (0.8, box))))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_an_error_not_an_empty_frame(spoilt: float) -> None:
    with pytest.raises(FloatingPointError, match="answers with a box"):
        done(staged(Fixed((0.9, (10, 10, spoilt, 30)))))


def test_a_score_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="score nan"):
        done(staged(Fixed((float("nan"), (10, 10, 20, 30)))))


def test_more_faces_than_labels_are_all_covered() -> None:
    boxes = [(x, y, x + 8, y + 8) for y in range(0, 190, 10) for x in range(0, 310, 10)]
    frame = done(staged(Fixed(*((0.9, box) for box in boxes)), shape="box"))
    assert len(boxes) > 500
    assert len(frame.found) == 255
    assert all((frame.labels[y0:y1, x0:x1] > 0).all() for x0, y0, x1, y1 in boxes)
    assert frame.found["box"][254].tolist()[2:] == [max(b[2] for b in boxes), max(b[3] for b in boxes)]


def test_what_is_smaller_than_asked_for_is_ignored() -> None:
    frame = done(staged(Fixed((0.9, (10, 10, 30, 24)), (0.8, (100, 10, 110, 18))), min_size=20))
    assert frame.found["box"].tolist() == [[10, 10, 30, 24]]


def test_a_class_may_have_a_least_size_of_its_own() -> None:
    faces = Fixed((0.9, (10, 10, 30, 24)), (0.8, (100, 10, 110, 18)))
    plates = Fixed((0.9, (200, 100, 230, 110)), name="plate")
    assert done(staged(faces, plates, min_size=25, min_sizes={"face": 12})).found["box"].tolist() == [
        [10, 10, 30, 24],
        [200, 100, 230, 110],
    ]
    assert len(done(staged(faces, plates, min_size=25, min_sizes={"plate": 0, "face": 0})).found) == 3


def test_in_tiles_every_detector_looks_at_the_picture_and_at_each_part() -> None:
    detector = Fixed()
    stage = staged(detector, tiles=2)
    from models.tiles import layout

    stage._parts = tuple(layout(200, 320, 2))
    done(stage)
    assert detector.asked[0][0] == (200, 320, 3)
    assert len(detector.asked) == 5
    assert all(shape < (200, 320, 3) for shape, _ in detector.asked[1:])


def test_a_face_of_a_tile_lies_where_it_is_in_the_picture() -> None:
    stage = staged(Fixed((0.9, (10, 10, 30, 30))))
    from models.tiles import Tile

    stage._parts = (Tile(100, 60, 200, 160),)
    assert done(stage).found["box"].tolist() == [[10, 10, 30, 30], [110, 70, 130, 90]]


def test_a_frame_that_is_not_looked_at_says_so() -> None:
    stage = staged(Fixed((0.9, (10, 10, 30, 30))), every=3)
    looked = [done(stage, index=at).looked for at in range(4)]
    assert looked == [True, False, False, True]


def test_a_class_that_nobody_finds_is_refused_before_a_frame_goes_out() -> None:
    stage = Detection(detectors=["plate-cascade"], classes=["plate", "face"])
    with pytest.raises(SetupError, match="none of plate-cascade finds 'face'"):
        stage.setup(SPEC)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": ["faces"]}, "no class 'faces'"),
        ({"scores": {"nose": 0.5}}, "no class 'nose'"),
        ({"min_sizes": {"nose": 5}}, "no class 'nose'"),
        ({"min_sizes": {"face": -1}}, "greater than or equal to 0"),
        ({"scores": {"face": 0}}, "greater than 0"),
        (
            {"detectors": ["centerface", "plate-cascade"], "weights": "own.onnx"},
            "2 detectors, but `weights` is for one",
        ),
        ({"detectors": []}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Detection.model_validate(options)


def test_an_unknown_detector_is_a_set_up_error_with_the_close_match() -> None:
    with pytest.raises(SetupError, match="did you mean 'centerface'"):
        Detection(detectors=["centreface"], classes=["face"]).setup(SPEC)


def test_real_detectors_together_find_faces_and_people() -> None:
    picture = asset("bus.jpg")
    spec = FrameSpec(width=picture.shape[1], height=picture.shape[0])
    stage = Detection(detectors=["centerface", "yolov5s-seg"], classes=["face", "person"], confidence=0.4)
    stage.setup(spec)
    frame = blank_frame(spec)
    frame.image[:] = picture
    stage.process(frame)
    sure = frame.found[frame.found["flags"] == 0]
    assert sorted(sure["cls"].tolist()) == [0, 0, 0, 0, 80, 80]
    assert np.isfinite(sure["landmarks"][sure["cls"] == 80]).all()
    assert {model["name"] for model in stage.context.models} == {"centerface", "yolov5s-seg"}
    assert frame.labels[448, 288] > 0


boxes = st.tuples(*[st.floats(-500, 900, width=32)] * 2, *[st.floats(0.5, 400, width=32)] * 2)


@given(boxes, st.floats(0, 2), st.sampled_from(["ellipse", "box"]))
def test_an_outline_lies_in_the_picture_and_covers_the_middle_of_its_box(
    box: tuple[float, ...], grow: float, shape: str
) -> None:
    x0, y0, wide, high = box
    placed = np.clip(np.array([x0, y0, x0 + wide, y0 + high], np.float32), 0, [320, 200, 320, 200]).astype(np.float32)
    if not (placed[2:] > placed[:2]).all():
        return
    patch = outline(placed, grow, shape, (200, 320))  # type: ignore[arg-type]
    height, width = patch.mask.shape
    assert 0 <= patch.x < patch.x + width <= 320
    assert 0 <= patch.y < patch.y + height <= 200
    assert set(np.unique(patch.mask)) <= {0, 255}
    middle = ((placed[:2] + placed[2:]) / 2).astype(int)
    assert patch.mask[middle[1] - patch.y, middle[0] - patch.x] == 255


def test_findings_of_different_classes_or_places_stay_apart() -> None:
    found = [one((0, 0, 10, 10)), one((0, 0, 10, 10), 0.8, cls=81), one((8, 0, 18, 10), 0.7)]
    assert len(united(found)) == 3


def test_outlines_of_what_is_one_are_joined() -> None:
    full = np.full((4, 4), 255, np.uint8)
    found = united([one((0, 0, 4, 4), patch=Patch(0, 0, full)), one((0, 1, 4, 5), 0.5, patch=Patch(0, 1, full))])
    assert len(found) == 1
    assert found[0].patch is not None
    assert found[0].patch.mask.shape == (5, 4)
    assert found[0].patch.mask.all()


def test_what_one_detector_knows_as_a_box_is_covered_though_another_has_an_outline_of_it() -> None:
    outline_of = one((10, 10, 50, 50), patch=Patch(10, 10, np.full((8, 40), 255, np.uint8)))
    boxed = one((12, 12, 54, 54), score=0.5)
    for pair in ((outline_of, boxed), (one((12, 12, 54, 54), score=0.95), outline_of)):
        (both,) = united([Finding(part.cls, part.score, part.box, UNKNOWN, part.patch) for part in pair])
        patch = staged(Fixed())._outline(both, (200, 320))
        assert (patch.mask[12 - patch.y : 16 - patch.y, 12 - patch.x : 50 - patch.x] == 255).all()  # the outline
        assert patch.mask[48 - patch.y, 32 - patch.x] == 255  # the other one's box


@pytest.mark.parametrize("size", [(0, 0), (30, 20)])
def test_an_outline_of_nothing_is_no_reason_to_leave_somebody_uncovered(size: tuple[int, int]) -> None:
    nothing = one((10, 10, 30, 40), cls=0, patch=Patch(10, 10, np.zeros(size, np.uint8)))
    patch = staged(Fixed())._outline(nothing, (200, 320))
    assert patch.mask[25 - patch.y, 20 - patch.x] == 255


def test_joined_patches_cover_what_each_covers_and_no_more() -> None:
    both = joined((Patch(3, 2, np.full((2, 3), 255, np.uint8)), Patch(7, 5, np.full((1, 1), 255, np.uint8))))
    assert (both.x, both.y, both.mask.shape) == (3, 2, (4, 5))
    assert np.count_nonzero(both.mask) == 7
