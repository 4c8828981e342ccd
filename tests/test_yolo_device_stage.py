"""InstanceSegmentation with a segmenter that makes label maps itself, where the network runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.base import Instances, ModelInfo, Patch
from pipeline.frame import Frame, FrameSpec
from stages.segmentation import InstanceSegmentation
from tests.frames import blank_frame


class Offering:
    """A segmenter that makes label maps itself, or says that it cannot for this picture, or fails to."""

    names, info = ("person",), ModelInfo("offering")

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.able = error, True
        self.asked: list[tuple[float, int]] = []

    def label(self, image: np.ndarray, out: np.ndarray, *, sure: float, grow: int) -> Instances | None:
        if self.error:
            raise self.error
        self.asked.append((sure, grow))
        if not self.able:
            return None
        out[:] = 0
        out[2, 3] = 1
        return self.segment(image, patches=False)

    def segment(self, image: np.ndarray, patches: bool = True) -> Instances:
        patch = Patch(5, 6, np.full((1, 1), 255, np.uint8))
        columns = np.array([[1, 2, 9, 9]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64)
        return Instances(*columns, (patch,) if patches else ())

    def tune(self, **wish: Any) -> None:
        pass

    def warm_up(self, height: int, width: int) -> float:
        return 0.0


def staged(monkeypatch: pytest.MonkeyPatch, offering: Any, **fields: Any) -> tuple[InstanceSegmentation, Frame]:
    monkeypatch.setattr("stages.segmentation.stage.load_segmenter", lambda name, **options: offering)
    stage, spec = InstanceSegmentation(grow=2, **fields), FrameSpec(width=32, height=24)
    stage.setup(spec)
    frame = blank_frame(spec)
    frame.index = 0
    frame.labels[:] = 7
    stage.process(frame)
    return stage, frame


def test_the_stage_takes_label_maps_from_a_segmenter_that_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    offering = Offering()
    stage, frame = staged(monkeypatch, offering)
    assert np.argwhere(frame.labels).tolist() == [[2, 3]]
    assert frame.found["score"].tolist() == pytest.approx([0.9])
    assert frame.found["box"].tolist() == [[1, 2, 9, 9]]
    stage.close()
    staged(monkeypatch, offering, confidence=0.5)
    assert set(offering.asked) == {(0.25, 2), (0.5, 2)}


def test_the_stage_goes_over_patches_where_the_segmenter_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    offering = Offering()
    stage, frame = staged(monkeypatch, offering)
    offering.able = False
    stage.process(frame)
    assert frame.labels[6, 5] == 1
    assert frame.labels[2, 3] == 0
    offering = Offering()
    staged(monkeypatch, offering, tiles=2)  # tiles are put together from patches
    assert offering.asked == []


def test_a_device_that_fails_at_label_maps_is_said_and_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, frame = staged(monkeypatch, Offering(RuntimeError("CUDA error: no recording\nat line 1")))
    assert frame.labels[6, 5] == 1
    assert stage.context.notes == [
        "yolov5s-seg: label maps are made on the processor, slower: CUDA error: no recording"
    ]
