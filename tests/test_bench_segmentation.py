"""The benchmark of the segmentation stage: pairs of the network alone and the whole stage."""

from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.segmentation import pairs
from models.base import Instances, ModelInfo
from stages.segmentation import Segmentation


class Slow:
    """A network of 2 ms, and a stage of 6 around it."""

    info, names = ModelInfo("slow"), ("person",)

    def run_bare(self, image: np.ndarray) -> None:
        self._work(0.002)

    def segment(self, image: np.ndarray) -> Instances:
        self._work(0.006)
        return Instances(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), ())

    def _work(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    def tune(self, **wanted: object) -> None:
        raise NotImplementedError

    def warm_up(self, height: int, width: int) -> float:
        return 0.0


def test_each_picture_is_measured_both_ways_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.segmentation.stage.load_segmenter", lambda name, **options: Slow())
    taken = np.array(pairs(Segmentation(), [np.zeros((48, 64, 3), np.uint8)] * 3, rounds=4))
    assert taken.shape == (12, 2)
    bare, whole = taken.min(0)
    assert 0.002 <= bare < 0.006 <= whole < 0.05
