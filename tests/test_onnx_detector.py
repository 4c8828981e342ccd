"""Detectors from ONNX files of one's own: found where it is, under its name, and no answer rather than a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from models.base import Detections, ModelError
from models.onnx_detector import OnnxDetector
from models.registry import load_detector
from tests.bright import HIGH, MARKS, STRIDES, WIDE, bright, constant

PLATE = {"names": "{0: 'License_Plate'}"}
FACE = {"names": "{0: 'face'}", "kpt_shape": "[5, 3]", "task": "pose"}
CELLS = sum((64 // stride) * (96 // stride) for stride in STRIDES)  # of a canvas of 64 x 96


def spotted(height: int, width: int, y: int, x: int, side: int, colour: int = 2) -> np.ndarray:
    """A black picture with one square: blue, green or red (2)."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y : y + side, x : x + side, colour] = 255
    return picture


def seen(detector: OnnxDetector, picture: np.ndarray, confidence: float = 0.5) -> Detections:
    return detector.detect(picture, confidence)


@pytest.mark.parametrize("kind", ["cells", "anchored", "sorted"])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("canvas", [None, (640, 640), (384, 640)])
def test_what_is_red_is_found_where_it_is(
    tmp_path: Path, kind: str, engine: str, canvas: tuple[int, int] | None
) -> None:
    path = bright(tmp_path / "red.onnx", kind, canvas=canvas, notes=PLATE)
    detector = load_detector(str(path), size=640, engine=engine)
    assert detector.names == ("plate",)
    # Twice the canvas: 1280 x 720 is 640 x 360 of it, between margins of which a cell is 8 pixels.
    picture = spotted(720, 1280, 0, 0, 0)
    margin = ((canvas[0] if canvas else 384) - 360) // 2
    row = (margin // 8 + 20) * 8 - margin
    picture[2 * row : 2 * row + 16, 800:816, 2] = 255
    found = detector.detect(picture, 0.5)
    middle = np.array((808, 2 * row + 8), np.float32)
    np.testing.assert_allclose(found.boxes[0], (middle + np.array([[-WIDE, -HIGH], [WIDE, HIGH]])).ravel(), atol=1e-3)
    assert found.scores.tolist() == pytest.approx([0.9], abs=1e-5)
    assert np.isnan(found.landmarks).all()
    assert detector.info.engine == engine
    assert len(detector.info.checksum) == 64


@pytest.mark.parametrize(
    ("kind", "values"), [("cells", 3), ("cells", 2), ("anchored", 2), ("anchored", 3), ("sorted", 3)]
)
def test_faces_come_with_their_five_landmarks(tmp_path: Path, kind: str, values: int) -> None:
    path = bright(tmp_path / "faces.onnx", kind, values=values, canvas=(64, 96))
    detector = load_detector(f"{path}#names=face")
    found = detector.detect(spotted(128, 192, 32, 64, 16), 0.5)
    assert detector.names == ("face",)
    np.testing.assert_allclose(found.landmarks[0], (72, 40) + 2 * MARKS, atol=1e-3)
    np.testing.assert_allclose(found.boxes, [[72 - WIDE, 40 - HIGH, 72 + WIDE, 40 + HIGH]], atol=1e-3)


def test_other_key_points_than_a_face_has_are_no_landmarks(tmp_path: Path) -> None:
    answer = np.zeros((1, 5 + 17 * 3, CELLS), np.float32)
    answer[0, :5, 40] = 40, 30, 10, 20, 0.8
    answer[0, :2, 41] = 90, 60
    notes = {"names": "['person']", "kpt_shape": "[17, 3]"}
    found = seen(OnnxDetector(str(constant(tmp_path / "p.onnx", answer, canvas=(64, 96), notes=notes))), field())
    np.testing.assert_allclose(found.boxes, [[35, 20, 45, 40]], atol=1e-4)
    assert np.isnan(found.landmarks).all()


def field() -> np.ndarray:
    """A picture as large as the canvas."""
    return np.zeros((64, 96, 3), np.uint8)


def test_classes_keep_their_order_and_colours_theirs(tmp_path: Path) -> None:
    path = bright(tmp_path / "two.onnx", colours=(0, 2), canvas=(64, 96), notes={"names": "['Number Plate', 'Head']"})
    detector = OnnxDetector(str(path))
    assert detector.names == ("plate", "face")
    picture = field()
    picture[16:24, 16:24, 2] = 255  # red
    picture[32:40, 64:72, 0] = 200  # blue
    found = seen(detector, picture)
    assert [detector.names[at] for at in found.classes] == ["plate", "face"]
    assert found.boxes[0, 0] < found.boxes[1, 0]


def test_what_two_classes_claim_is_both(tmp_path: Path) -> None:
    path = bright(tmp_path / "two.onnx", colours=(0, 2), canvas=(64, 96), notes={"names": "['car', 'plate']"})
    picture = field()
    picture[16:24, 16:24] = (180, 0, 255)  # more of a car, but a plate all the same
    detector = OnnxDetector(str(path))
    assert [detector.names[at] for at in seen(detector, picture).classes] == ["car", "plate"]


def test_a_picture_of_another_size_than_the_last_is_looked_at_anew(tmp_path: Path) -> None:
    detector = OnnxDetector(str(bright(tmp_path / "red.onnx", notes=PLATE)), size=96)
    for height, width in ((96, 96), (64, 96), (192, 128)):
        found = seen(detector, np.full((height, width, 3), (0, 0, 255), np.uint8))
        assert len(found) > 0
        assert (found.boxes >= 0).all()
        assert (found.boxes <= (width, height, width, height)).all()


def test_a_file_of_half_precision_is_fed_with_that(tmp_path: Path) -> None:
    path = bright(tmp_path / "half.onnx", canvas=(64, 96), notes=PLATE, half=True)
    assert len(seen(OnnxDetector(str(path)), spotted(64, 96, 16, 16, 8))) == 1


def test_names_that_are_given_win_over_those_of_the_file(tmp_path: Path) -> None:
    path = bright(tmp_path / "red.onnx", canvas=(64, 96), notes=PLATE)
    assert load_detector(f"{path}#names=face").names == ("face",)


def test_names_of_fewer_classes_than_the_file_has_are_refused(tmp_path: Path) -> None:
    """Eleven classes would be read as one with five landmarks."""
    notes = {"names": str({number: f"kind {number}" for number in range(11)})}
    path = constant(tmp_path / "eleven.onnx", np.zeros((1, 15, CELLS)), canvas=(64, 96), notes=notes)
    with pytest.raises(ModelError, match="11 classes, but 1 names"):
        OnnxDetector(f"{path}#names=plate")


def spoilt(value: float, at: tuple[int, int]) -> np.ndarray:
    """What a network of one class answers, with one number changed."""
    answer = np.zeros((1, 5, CELLS), np.float32)
    answer[0, :5, 40] = 40, 30, 10, 20, 0.8
    answer[0, at[0], at[1]] = value
    return answer


class Answering:
    """An engine that gives what it is told."""

    name = device = "told"

    def __init__(self, *answer: np.ndarray) -> None:
        self.answer = list(answer)

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        return self.answer


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([spoilt(np.nan, (4, 3))], "not finite"),
        ([spoilt(np.inf, (0, 40))], "not finite"),
        ([spoilt(1.5, (4, 40))], "score of 0.0 to 1.5"),
        ([spoilt(-0.2, (4, 7))], "score of -0.2"),
        ([spoilt(4000, (0, 40))], "finds something at"),
        ([spoilt(-90, (1, 40))], "finds something at"),
        ([spoilt(-5, (2, 40))], "finds something at"),
        ([spoilt(900, (3, 40))], "finds something at"),
        ([spoilt(0, (0, 0))[:, :, :-1]], "not of the kind cells"),
        ([spoilt(0, (0, 0))[0]], "not of the kind cells"),
        ([], "not of the kind cells"),
    ],
)
def test_an_answer_that_cannot_be_is_an_error_and_never_an_empty_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[np.ndarray], said: str
) -> None:
    detector = OnnxDetector(str(bright(tmp_path / "red.onnx", canvas=(64, 96), notes=PLATE)))
    monkeypatch.setattr(detector, "_runner", Answering(*answers))
    with pytest.raises(FloatingPointError, match=said):
        seen(detector, field())


@pytest.mark.parametrize(("number", "value", "said"), [(5, 1.0, "class"), (5, 0.5, "class"), (4, 2.0, "score")])
def test_a_class_or_score_that_there_is_not_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, value: float, said: str
) -> None:
    detector = OnnxDetector(str(bright(tmp_path / "red.onnx", "sorted", canvas=(64, 96), notes=PLATE)))
    rows = np.zeros((1, 20, 6), np.float32)
    rows[0, 0] = 10, 10, 30, 30, 0.8, 0
    monkeypatch.setattr(detector, "_runner", Answering(rows))
    assert len(seen(detector, field())) == 1
    rows[0, 0, number] = value
    with pytest.raises(FloatingPointError, match=said):
        seen(detector, field())


def test_whether_there_is_anything_must_be_a_score_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two numbers that are none may have a product that looks like one."""
    detector = OnnxDetector(str(bright(tmp_path / "red.onnx", "anchored", canvas=(64, 96), notes=PLATE)))
    rows = np.zeros((1, 3 * CELLS, 6), np.float32)
    rows[0, 0] = 20, 20, 10, 10, -2, -0.4
    monkeypatch.setattr(detector, "_runner", Answering(rows))
    with pytest.raises(FloatingPointError, match="score of -2"):
        seen(detector, field())


def test_a_network_whose_scores_are_none_is_refused_at_once(tmp_path: Path) -> None:
    path = constant(tmp_path / "logits.onnx", spoilt(-7, (4, 0)), canvas=(64, 96), notes=PLATE)
    with pytest.raises(ModelError, match=r"logits\.onnx: the network gives a score of -7"):
        OnnxDetector(str(path))


def test_boxes_that_are_shares_of_the_picture_are_refused_at_once(tmp_path: Path) -> None:
    answer = np.random.default_rng(1).uniform(0, 1, (1, 5, CELLS))
    path = constant(tmp_path / "shares.onnx", answer, canvas=(64, 96), notes=PLATE)
    with pytest.raises(ModelError, match="shares of the picture"):
        OnnxDetector(str(path))


def test_shares_that_only_a_find_brings_to_light_are_an_error_and_no_empty_picture(tmp_path: Path) -> None:
    answer = np.zeros((1, 300, 6), np.float32)
    answer[0, 0] = 0.2, 0.2, 0.6, 0.9, 0.8, 0
    detector = OnnxDetector(str(constant(tmp_path / "shares.onnx", answer, canvas=(64, 96), notes=PLATE)))
    assert len(seen(detector, spotted(64, 96, 0, 0, 0), 0.9)) == 0
    with pytest.raises(FloatingPointError, match="shares of the picture"):
        seen(detector, spotted(64, 96, 0, 0, 0))


@pytest.mark.parametrize("shape", [(1, 1000), (1, 84, CELLS), (1, CELLS, 84), (1, 7, 7, 30), (1, 5, CELLS + 2)])
def test_a_network_of_another_kind_is_refused_with_what_it_answers(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = constant(tmp_path / "other.onnx", np.zeros(shape), canvas=(64, 96), notes=PLATE)
    with pytest.raises(ModelError, match=r"other\.onnx: it answers .* no detector of 1 class") as caught:
        OnnxDetector(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_does_not_say_what_it_finds_must_be_told(tmp_path: Path) -> None:
    path = bright(tmp_path / "red.onnx", canvas=(64, 96))
    with pytest.raises(ModelError, match=r"does not say what it finds; next: say it, as red\.onnx#names=plate"):
        OnnxDetector(str(path))
    with pytest.raises(ModelError, match="no detector of 2 classes"):
        OnnxDetector(f"{path}#names=plate,face")


def test_notes_are_read_as_data(tmp_path: Path) -> None:
    notes = {"names": f"__import__('os').system('touch {tmp_path}/canary')"}
    with pytest.raises(ModelError, match="its note names is"):
        OnnxDetector(str(bright(tmp_path / "red.onnx", canvas=(64, 96), notes=notes)))
    assert not (tmp_path / "canary").exists()


def test_weights_in_another_file_are_not_followed(tmp_path: Path) -> None:
    model = onnx.load(str(bright(tmp_path / "red.onnx", canvas=(64, 96), notes=PLATE)))
    held = model.graph.initializer[0]
    held.data_location = onnx.TensorProto.EXTERNAL
    held.external_data.add(key="location", value="/etc/hostname")
    (tmp_path / "red.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="weights lie in another file"):
        OnnxDetector(str(tmp_path / "red.onnx"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "torch"}, "on openvino or onnxruntime, not on torch"),
        ({"precision": "bfloat16"}, "places need float32"),
        ({"engine": "openvino", "device": "cuda"}, "GPU"),
    ],
)
def test_what_a_file_cannot_be_run_with_is_said(tmp_path: Path, options: dict[str, str], said: str) -> None:
    path = bright(tmp_path / "red.onnx", canvas=(64, 96), notes=PLATE)
    with pytest.raises(ModelError, match=said):
        load_detector(str(path), **options)


def test_a_file_that_is_no_onnx_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"\x80\x04garbage" * 50)
    with pytest.raises(ModelError, match=r"no\.onnx: no ONNX file") as caught:
        load_detector(str(tmp_path / "no.onnx"))
    assert "\n" not in str(caught.value)
