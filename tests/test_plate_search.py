"""Licence plates by the classical cascade: drawn ones, small ones on vehicles, and what is too wide to be one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from models.base import Instances, ModelError, ModelInfo
from models.cascade import PlateCascade
from models.plate_search import PlateSearch
from models.registry import load_detector
from tests.scenes import room


def with_plate(x: int, y: int, width: int) -> np.ndarray:
    """A room in which a plate hangs: 4 times as wide as high."""
    plate = np.full((40, 160, 3), 235, np.uint8)
    cv2.rectangle(plate, (0, 0), (159, 39), (20, 20, 20), 2)
    cv2.putText(plate, "A123BC 77", (6, 30), cv2.FONT_HERSHEY_DUPLEX, 0.95, (15, 15, 15), 2)
    picture = room()
    picture[y : y + width // 4, x : x + width] = cv2.resize(plate, (width, width // 4), interpolation=cv2.INTER_AREA)
    return picture


def covers(boxes: np.ndarray, x: int, y: int, width: int) -> bool:
    """Whether some box, larger by a quarter, holds the plate."""
    more = (boxes[:, 2:] - boxes[:, :2]) / 4
    low, high = boxes[:, :2] - more, boxes[:, 2:] + more
    return bool(((low <= (x, y)).all(1) & (high >= (x + width, y + width // 4)).all(1)).any())


class Vehicles:
    """A segmenter that sees a vehicle in each of these boxes."""

    info = ModelInfo("fixed")

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def segment(self, image: np.ndarray) -> Instances:
        count = len(self.boxes)
        return Instances(self.boxes, np.ones(count, np.float32), np.zeros(count, np.int64), ())


@cache
def search() -> PlateSearch:
    found = load_detector("plate-search")
    assert isinstance(found, PlateSearch)
    return found


def on(monkeypatch: pytest.MonkeyPatch, *boxes: tuple[float, float, float, float]) -> PlateSearch:
    monkeypatch.setattr(search(), "_vehicles", Vehicles(*boxes))
    return search()


def test_a_drawn_plate_is_found_where_it_is() -> None:
    found = load_detector("plate-cascade").detect(with_plate(300, 170, 160), 0.4)
    assert covers(found.boxes, 300, 170, 160)
    assert np.isnan(found.landmarks).all()
    assert (np.diff(found.scores) <= 0).all()


def test_a_plate_too_small_for_the_cascade_is_found_on_its_vehicle(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = with_plate(300, 170, 40)
    assert not covers(PlateCascade().detect(picture, 0.2).boxes, 300, 170, 40)
    assert not covers(on(monkeypatch).detect(picture, 0.2).boxes, 300, 170, 40)
    assert covers(on(monkeypatch, (230, 80, 400, 230)).detect(picture, 0.2).boxes, 300, 170, 40)


def test_what_is_as_wide_as_its_vehicle_is_no_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = with_plate(300, 170, 160)
    assert covers(on(monkeypatch, (100, 10, 600, 330)).detect(picture, 0.4).boxes, 300, 170, 160)
    assert not covers(on(monkeypatch, (290, 100, 470, 230)).detect(picture, 0.4).boxes, 300, 170, 160)


@pytest.mark.parametrize(("cut", "vehicle"), [((0, 480), (280, 100, 480, 230)), ((200, 640), (0, 100, 290, 230))])
def test_the_plate_of_a_vehicle_that_is_cut_off_may_be_as_wide_as_what_is_seen(
    monkeypatch: pytest.MonkeyPatch, cut: tuple[int, int], vehicle: tuple[int, int, int, int]
) -> None:
    picture = np.ascontiguousarray(with_plate(300, 170, 160)[:, slice(*cut)])
    assert covers(on(monkeypatch, vehicle).detect(picture, 0.4).boxes, 300 - cut[0], 170, 160)


def test_vehicles_at_the_edge_or_too_small_to_carry_a_plate_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = on(monkeypatch, (0, 0, 640, 360), (630, 350, 640, 360), (5, 5, 6, 6), (600, 0, 640, 20))
    found = finder.detect(with_plate(300, 170, 160), 0.4)
    assert covers(found.boxes, 300, 170, 160)
    assert np.isfinite(found.boxes).all()


def test_an_opencv_without_its_cascades_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cascade.FILE", "gone.xml")
    with pytest.raises(ModelError, match=r"no .*gone\.xml in this OpenCV"):
        PlateCascade()
