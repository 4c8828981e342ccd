"""CenterFace: faces of real pictures where they are, at any size; and no answer rather than a wrong one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from models.base import ModelError
from models.centerface import CenterFace, decode
from models.registry import load_detector
from tests.scenes import asset

FACES = {"zidane.jpg": [(987, 188), (612, 340)], "bus.jpg": [(288, 448), (133, 443)]}  # where a face's middle is


@cache
def detector(size: int = 640, engine: str = "torch") -> CenterFace:
    found = load_detector("centerface", size=size, engine=engine, precision="float32")
    assert isinstance(found, CenterFace)
    return found


def maps(height: int = 16, width: int = 24) -> list[np.ndarray]:
    """What the network says where there is nothing."""
    return [np.zeros((depth, height, width), np.float32) for depth in (1, 2, 2, 10)]


def decoded(found: list[np.ndarray], confidence: float = 0.5) -> np.ndarray:
    return decode([found[0][0], *found[1:]], confidence)


def test_a_peak_becomes_a_box_around_its_place_with_its_landmarks() -> None:
    found = maps()
    found[0][0, 5, 7] = 0.9
    found[1][:, 5, 7] = np.log([10, 6])  # 40 pixels high, 24 wide
    found[2][:, 5, 7] = 0.25, -0.25
    found[3][:2, 5, 7] = 0.5, 0.25  # y before x
    (row,) = decoded(found)
    middle = np.array([(7 - 0.25 + 0.5) * 4, (5 + 0.25 + 0.5) * 4])
    np.testing.assert_allclose(row[:4], (middle[0] - 12, middle[1] - 20, middle[0] + 12, middle[1] + 20), atol=1e-3)
    assert row[4] == np.float32(0.9)
    np.testing.assert_allclose(row[6:8], middle - (12, 20) + (0.25 * 24, 0.5 * 40), atol=1e-3)


def test_of_peaks_that_show_one_face_the_best_stays() -> None:
    found = maps()
    found[0][0, 5, 7], found[0][0, 5, 8], found[0][0, 12, 20] = 0.6, 0.9, 0.7
    found[1][:] = np.log(8)
    assert decoded(found)[:, 4].tolist() == pytest.approx([0.9, 0.7])
    assert len(decoded(found, 0.75)) == 1


@pytest.mark.parametrize(
    ("at", "value"), [*((at, value) for at in (1, 2, 3) for value in (np.nan, np.inf)), (1, 1e30), (1, 10.0)]
)
def test_a_face_without_a_finite_place_is_an_error_and_no_face(at: int, value: float) -> None:
    found = maps()
    found[0][0, 3, 3] = 0.9
    found[at][0, 3, 3] = value
    with pytest.raises(FloatingPointError, match="no finite place or size"):
        decoded(found)


class Broken:
    """An engine whose answers are of no use."""

    def __init__(self, answer: tuple[object, ...]) -> None:
        self.answer = answer

    def __call__(self, canvas: np.ndarray) -> tuple[object, ...]:
        return self.answer


@pytest.mark.parametrize(("spoilt", "said"), [("nan", "not finite"), ("shape", "answers")])
def test_a_network_that_answers_nonsense_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, spoilt: str, said: str
) -> None:
    import torch

    own = detector()
    answer = [torch.zeros(1, depth, 96, 160) for depth in (1, 2, 2, 10)]
    if spoilt == "nan":
        answer[3][0, 4, 50, 50] = float("nan")  # of a cell in which there is no face
    else:
        answer.pop()
    monkeypatch.setattr(own, "_engine", Broken(tuple(answer)))
    with pytest.raises(FloatingPointError, match=said):
        own.detect(np.zeros((360, 640, 3), np.uint8), 0.5)


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_faces_of_real_pictures_are_found_with_eyes_above_the_mouth(name: str, factor: float) -> None:
    picture = cv2.resize(asset(name), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    found = detector().detect(picture, 0.4)
    assert len(found) == 2
    for x, y in FACES[name]:
        inside = (found.boxes[:, :2] < np.array((x, y)) * factor).all(1) & (
            found.boxes[:, 2:] > np.array((x, y)) * factor
        ).all(1)
        assert inside.sum() == 1
        eyes, mouth = found.landmarks[inside][0][:2], found.landmarks[inside][0][3:]
        assert eyes[:, 1].max() < mouth[:, 1].min()


@pytest.mark.parametrize("shape", [(33, 517), (720, 1), (101, 77)])
def test_pictures_of_odd_sizes_are_looked_at(shape: tuple[int, int]) -> None:
    found = detector().detect(np.full((*shape, 3), 127, np.uint8), 0.3)
    limits = np.array([shape[1], shape[0]] * 2)
    assert ((found.boxes >= 0) & (found.boxes <= limits)).all()


def test_a_face_at_the_edge_is_cut_off_there() -> None:
    picture = asset("zidane.jpg")[:, :985].copy()
    found = detector().detect(picture, 0.2)
    assert len(found) == 2
    assert found.boxes[:, 2].max() <= 985


def test_engines_find_the_same_faces() -> None:
    picture = asset("zidane.jpg")
    wanted, found = (detector(640, engine).detect(picture, 0.4) for engine in ("torch", "openvino"))
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.5)


def test_a_size_that_the_network_cannot_take_is_refused() -> None:
    with pytest.raises(ModelError, match="must be a multiple of 32"):
        load_detector("centerface", size=700)
